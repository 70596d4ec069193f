import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { root } from '../../checks/repository.js';

const run = promisify(execFile);

describe('the packed GPU benchmark', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rnnx-bundle-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('is one file that runs outside the repository', async () => {
    const file = join(folder, 'bench.mjs');
    const script = `import { bundle } from ${JSON.stringify(`${root}scripts/gpu-bench/bundle.mjs`)}; bundle(${JSON.stringify(file)});`;
    await run(process.execPath, ['--input-type=module', '-e', script]);
    const { stdout } = await run(process.execPath, [file, '--help'], { cwd: folder, env: {} });
    expect(stdout).to.match(/^run\.sh \[--sizes/);
    const refused = await run(process.execPath, [file, '--sizes', '3'], { cwd: folder, env: { HOME: folder } }).catch(
      (error: { code: number; stderr: string }) => error,
    );
    expect(refused).to.have.property('code', 1);
    expect(refused.stderr).to.match(/package webgpu does not load|no Vulkan driver/);
  });

  it('has a start script that any shell reads', async () => {
    await run('sh', ['-n', `${root}scripts/gpu-bench/run.sh`]);
  });
});
