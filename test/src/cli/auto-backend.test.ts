import { findAddon } from '@rnnx/backend-native';
import { expect } from 'chai';
import { type Finished, rnnx, temporaryFolder } from './helpers.js';

describe('choice of the backend', () => {
  const folder = temporaryFolder();

  async function withEnvironment(variables: Record<string, string>, args: readonly string[]): Promise<Finished> {
    const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
    Object.assign(process.env, variables);
    try {
      return await rnnx(folder.path, args);
    } finally {
      for (const [name, value] of before)
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
    }
  }

  it('is the native one where it works, and doctor says what it leaves to JavaScript', async function () {
    if ('reason' in findAddon()) this.skip();
    const { stdout } = await rnnx(folder.path, ['doctor']);
    expect(stdout)
      .to.match(/^ok {4}backend native: C\+\+ for \w+, \d+ threads?/m)
      .and.to.match(/^ok {4}backend auto: takes native, the first that works of (webgpu, )?native, /m)
      .and.to.match(/^ok {4}native kernels: a training step ran without JavaScript on large tensors/m);
  });

  it('is another where the addon is not there, and doctor says why', async () => {
    const { code, stdout } = await withEnvironment({ RNNX_NATIVE_ADDON: 'nowhere.node' }, ['doctor']);
    expect(code).to.equal(0);
    expect(stdout)
      .to.match(/^note {2}backend native: RNNX_NATIVE_ADDON names .*nowhere\.node, which is not there/m)
      .and.to.match(/^ok {4}backend auto: takes (tensorflow|wasm)/m)
      .and.to.not.match(/native kernels/);
  });

  it('is the one that RNNX_BACKEND names', async () => {
    const { stdout } = await withEnvironment({ RNNX_BACKEND: 'cpu' }, ['doctor']);
    expect(stdout).to.match(/^ok {4}backend auto: takes cpu, which RNNX_BACKEND names$/m);
    const quick = (out: string) => ['run', '--preset', 'quickstart', '--out', out];
    const wrong = await withEnvironment({ RNNX_BACKEND: 'nativ' }, quick('one'));
    expect(wrong.code).to.not.equal(0);
    expect(wrong.stderr).to.include('RNNX_PLUGIN_UNKNOWN').and.to.include('native');
    const broken = await withEnvironment({ RNNX_BACKEND: 'native', RNNX_NATIVE_ADDON: 'nowhere.node' }, quick('two'));
    expect(broken.code).to.not.equal(0);
    expect(broken.stderr).to.include('RNNX_BACKEND_UNAVAILABLE').and.to.include('nowhere.node');
  });
});
