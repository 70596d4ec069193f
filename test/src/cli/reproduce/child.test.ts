import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import { temporaryFolder, tiny } from '../helpers.js';

const runner = new URL('../../../../cli/dist/reproduce/child.js', import.meta.url).href;

describe('the process of a row', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();

  it('saves a checkpoint and ends when the process that started it was killed', async () => {
    // An epoch of some minutes without a report: only the loss of its parent can end it.
    const dataset = { ...tiny.dataset, trainTokens: 1_000_000 };
    const training = { ...tiny.training, batchSize: 2, reportEvery: 1_000_000 };
    writeFileSync(join(folder.path, 'rnnx.config.json'), JSON.stringify({ ...tiny, dataset, training }));
    const program = `
      import { runChild } from '${runner}';
      let pid;
      await runChild(['run', '--out', 'mine', '--json'], {
        onStart: (started) => { pid = started; },
        onEvent: ({ type }) => { if (type === 'start') console.log(pid); },
      });`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program], { cwd: folder.path });
    const [pid] = (await once(parent.stdout, 'data')).map(Number) as [number];
    expect(alive(pid)).to.equal(true);
    const checkpoint = join(folder.path, 'mine', 'base-seed-1', 'checkpoints', 'last.safetensors');
    expect(existsSync(checkpoint)).to.equal(false);
    parent.kill('SIGKILL');
    while (alive(pid)) await setTimeout(50);
    expect(existsSync(checkpoint)).to.equal(true);
  });
});

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
