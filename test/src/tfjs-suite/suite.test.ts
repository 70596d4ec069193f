import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { native } from '@rnnx/backend-native';
import { PluginRegistry } from '@rnnx/core';
import { expect } from 'chai';

describe("tfjs-core's own specs", () => {
  // Whatever looks at a result too early finds it unwritten where kernels are put off as long as can be.
  for (const queue of ['on', 'late'])
    it(`pass on the native backend, its kernels' queue ${queue}`, async function () {
      this.timeout(300_000);
      const status = await new PluginRegistry([native]).create('backend', 'native').probe();
      if (!status.available) {
        console.log(`      skipped: the native backend cannot run here: ${status.reason}`);
        this.skip();
      }
      const run = fileURLToPath(new URL('run.js', import.meta.url));
      const { stdout, stderr } = spawnSync(process.execPath, [run, 'native'], {
        encoding: 'utf8',
        timeout: 290_000,
        env: { ...process.env, RNNX_NATIVE_QUEUE: queue },
      });
      const [, passed, failed] = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(stdout) ?? [];
      expect(Number(failed), `${stdout.slice(-2000)}\n${stderr.slice(-2000)}`).to.equal(0);
      // Far fewer would mean that the bundle lost specs.
      expect(Number(passed)).to.be.above(4000);
    });
});
