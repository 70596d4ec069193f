import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findAddon, platformPackage, plugins, searchAddon } from '@rnnx/backend-native';
import { PluginRegistry } from '@rnnx/core';
import { expect } from 'chai';
import { refusal } from '../../support/errors.js';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('../../../../', import.meta.url));
const scripts = join(repository, 'plugins/backend-native/scripts');

describe('distribution of the native backend', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rnnx-native-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('says what is missing and what to do, and refuses to start', async () => {
    const missing = searchAddon(join(folder, 'none.node'));
    expect(missing).to.have.property('reason').that.contains('RNNX_NATIVE_ADDON').and.contains('none.node');
    await writeFile(join(folder, 'broken.node'), 'no library');
    expect(searchAddon(join(folder, 'broken.node')))
      .to.have.property('reason')
      .that.contains('does not load');
    await writeFile(join(folder, 'old.cjs'), 'exports.isa = () => "baseline";');
    const old = searchAddon(join(folder, 'old.cjs'));
    expect(old).to.have.property('reason').that.contains('of another version').and.contains('gemm');
    expect(old).to.have.property('remedy').that.contains('npm rebuild');
  });

  it('is unavailable with a reason where there is no addon', async () => {
    const script = `
      import { plugins } from '@rnnx/backend-native';
      import { PluginRegistry } from '@rnnx/core';
      const backend = new PluginRegistry(plugins).create('backend', 'native');
      const status = await backend.probe();
      const error = await backend.activate().then(() => null, (e) => ({ code: e.code, message: e.message }));
      console.log(JSON.stringify({ status, error }));`;
    const env = { ...process.env, RNNX_NATIVE_ADDON: join(folder, 'none.node') };
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: repository, env });
    const { status, error } = JSON.parse(stdout);
    expect(status).to.include({ available: false });
    expect(status.reason).to.contain('none.node');
    expect(error.code).to.equal('RNNX_BACKEND_UNAVAILABLE');
    expect(error.message).to.contain('none.node').and.contain('to do:');
  });

  it('refuses a number of threads that is none', async function () {
    if ('reason' in findAddon()) this.skip();
    const backend = new PluginRegistry(plugins).create('backend', 'native');
    const before = process.env.RNNX_THREADS;
    try {
      for (const odd of ['0', '2.5', 'all', '1000']) {
        process.env.RNNX_THREADS = odd;
        const error = await backend.activate().catch((reason: unknown) => reason);
        refusal('RNNX_OPTION_INVALID', () => {
          throw error;
        });
      }
    } finally {
      if (before === undefined) delete process.env.RNNX_THREADS;
      else process.env.RNNX_THREADS = before;
    }
  });

  it('installs from tarballs into a clean folder without a compiler, and computes there', async function () {
    if ('reason' in findAddon()) this.skip();
    this.timeout(300_000);
    const packed = await run(process.execPath, [join(scripts, 'pack-platform.mjs'), '--out', join(folder, 'packed')]);
    const [platform, main] = packed.stdout.trim().split('\n') as [string, string];

    // A PATH with node and what npm itself calls, so no compiler.
    const path = join(folder, 'bin');
    await mkdir(path);
    await symlink(process.execPath, join(path, 'node'));
    await symlink('/bin/sh', join(path, 'sh'));
    const env = { HOME: folder, PATH: path };
    const project = join(folder, 'project');
    const modules = join(project, 'node_modules');
    await mkdir(modules, { recursive: true });
    await writeFile(join(project, 'package.json'), '{ "name": "clean", "private": true, "type": "module" }');
    const { stdout: npm } = await run('npm', ['root', '--global']);
    const npmCli = join(npm.trim(), 'npm/bin/npm-cli.js');
    await run(process.execPath, [npmCli, 'install', '--offline', '--no-audit', '--no-fund', platform], {
      cwd: project,
      env,
    });
    const manifest = JSON.parse(await readFile(join(modules, platformPackage, 'package.json'), 'utf8'));
    expect(manifest).to.deep.include({ os: [process.platform], cpu: [process.arch] });

    // The main package as npm would unpack it; what it depends on comes from here, not from a registry.
    await run('tar', ['xzf', main, '-C', folder]);
    const installed = join(modules, '@rnnx/backend-native');
    await cp(join(folder, 'package'), installed, { recursive: true });
    await symlink(join(repository, 'core'), join(modules, '@rnnx/core'));
    await symlink(join(repository, 'node_modules/@tensorflow'), join(modules, '@tensorflow'));
    const listed = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
    expect(listed.optionalDependencies).to.have.property(platformPackage, listed.version);
    const install = await run(process.execPath, [join(installed, 'scripts/install.mjs')], { cwd: installed, env });
    expect(install.stdout, 'nothing to compile').to.equal('');

    const script = `
      import tf from '@tensorflow/tfjs';
      import { findAddon, plugins } from '@rnnx/backend-native';
      import { PluginRegistry } from '@rnnx/core';
      await new PluginRegistry(plugins).create('backend', 'native').activate();
      const product = tf.matMul(tf.ones([3, 4]), tf.ones([4, 2]));
      console.log(JSON.stringify({ path: findAddon().path, backend: tf.getBackend(), values: [...await product.data()] }));`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: project, env });
    const result = JSON.parse(stdout);
    expect(result.path).to.contain(platformPackage);
    expect(result).to.deep.include({ backend: 'native', values: [4, 4, 4, 4, 4, 4] });

    // Without the platform's package, and without a compiler, there is a line that says so, and no failure.
    await rm(join(modules, platformPackage), { recursive: true });
    await symlink(join(repository, 'node_modules/node-api-headers'), join(modules, 'node-api-headers'));
    const without = await run(process.execPath, [join(installed, 'scripts/install.mjs')], { cwd: installed, env });
    expect(without.stdout.trim().split('\n')).to.have.length(1);
    expect(without.stdout).to.contain('no C++ compiler');
  });
});
