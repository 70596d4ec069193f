import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { temporaryFolder } from '../cli/helpers.js';

const program = fileURLToPath(new URL('./main.js', import.meta.url));

describe('npm run bench', () => {
  const folder = temporaryFolder();
  const bench = (...args: string[]) => spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });

  it('writes its report for people and for machines', () => {
    const [json, markdown] = [join(folder.path, 'bench.json'), join(folder.path, 'bench.md')];
    const files = ['--json', json, '--markdown', markdown];
    const { status, stdout, stderr } = bench(
      ...'--tiny --lines cells --rounds 2 --seconds 0 --total 0'.split(' '),
      ...files,
    );
    expect(status, stderr).to.equal(0);
    const text = readFileSync(markdown, 'utf8');
    expect(stdout.trim()).to.equal(text.trim());
    for (const part of ['cpu', 'instruction set', 'threads', 'node', 'tfjs', 'pytorch'])
      expect(text).to.match(new RegExp(`^- ${part}: \\S`, 'm'));
    const report = JSON.parse(readFileSync(json, 'utf8'));
    expect(report.machine.node).to.equal(process.version);
    expect(report.lines.map(({ name }: { name: string }) => name)).to.deep.equal(['cells']);
    expect(report.lines[0].rows[0].rounds).to.have.length(2);
  });

  it('says what is wrong with an option, and which there are', () => {
    const { status, stderr } = bench('--lines', 'stairs');
    expect(status).to.equal(2);
    expect(stderr).to.include('--lines stairs: expected some of steps, peak').and.to.include('--rounds');
  });
});
