import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import plugins, { Tensorflow, type TensorflowOptions } from '@rnnx/backends';
import { PluginRegistry, RnnxError } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { onBackend, useBackend } from '../../support/backend.js';

const gpu = '@tensorflow/tfjs-node-gpu';
const node = '@tensorflow/tfjs-node';
const tfjs = JSON.stringify(createRequire(import.meta.url).resolve('@tensorflow/tfjs'));

/** A package that registers tfjs's cpu backend as `tensorflow`, and says so. */
const working = `
  const tf = require(${tfjs});
  const CpuBackend = tf.findBackend('cpu').constructor;
  if (tf.findBackendFactory('tensorflow') == null) tf.registerBackend('tensorflow', () => Object.assign(new CpuBackend(), { firstUse: false }), 3);
  for (const kernel of tf.getKernelsForBackend('cpu'))
    if (!tf.getKernel(kernel.kernelName, 'tensorflow')) tf.registerKernel({ ...kernel, backendName: 'tensorflow' });
  globalThis.rnnxTestLoaded = __dirname;`;

describe('the tensorflow backend', () => {
  onBackend('cpu');
  let folder: string;
  const backend = (choice: TensorflowOptions['package'] = 'auto') =>
    new Tensorflow({ package: choice }, [join(folder, 'near/'), join(folder, 'far/')]);
  const install = async (place: string, name: string, main: string, extra: object = {}) => {
    const directory = join(folder, place, 'node_modules', name);
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'package.json'), JSON.stringify({ name, version: '4.22.0', ...extra }));
    await writeFile(join(directory, 'index.js'), main);
    return directory;
  };
  const failure = async (body: Promise<unknown>): Promise<RnnxError> => {
    const error = await body.then(
      () => expect.fail('it started'),
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(RnnxError);
    expect((error as RnnxError).code).to.equal('RNNX_BACKEND_UNAVAILABLE');
    expect(tf.getBackend(), 'the backend before').to.equal('cpu');
    return error as RnnxError;
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rnnx-tensorflow-'));
  });
  afterEach(async () => {
    await useBackend('cpu');
    if (tf.findBackendFactory('tensorflow') != null) tf.removeBackend('tensorflow');
    for (const { kernelName } of tf.getKernelsForBackend('tensorflow')) tf.unregisterKernel(kernelName, 'tensorflow');
    await rm(folder, { recursive: true });
  });

  it('says the one command to run where no package is installed', async () => {
    const status = await backend().probe();
    expect(status).to.deep.include({ available: false, remedy: `npm install ${gpu}@${tf.version['tfjs-core']}` });
    const error = await failure(backend().activate());
    expect(error.details.remedy).to.contain(`npm install ${gpu}@${tf.version['tfjs-core']}`);
    expect((await failure(backend(node).activate())).details.remedy).to.contain(`npm install ${node}@`);
  });

  it('gives the cause where the package is there but does not load', async () => {
    await install('near', gpu, `throw new Error('libcudart.so.11.0: cannot open shared object file');`);
    const error = await failure(backend().activate());
    expect(error.message).to.contain('libcudart.so.11.0').and.contain(process.version).and.contain(gpu);
    expect(error.cause).to.have.property('message').that.contains('libcudart');
  });

  it('refuses a package that loads but brings no backend', async () => {
    await install('near', gpu, '');
    expect((await failure(backend().activate())).message).to.contain('no tfjs backend "tensorflow"');
  });

  it('refuses a package whose kernels fail or compute nonsense', async () => {
    const spoiled = (kernel: string) => `${working}
      tf.unregisterKernel('BatchMatMul', 'tensorflow');
      tf.registerKernel({ kernelName: 'BatchMatMul', backendName: 'tensorflow', kernelFunc: ${kernel} });`;
    await install('near', gpu, spoiled(`() => { throw new TypeError('isNullOrUndefined is not a function'); }`));
    expect((await failure(backend().activate())).message).to.contain('isNullOrUndefined');
  });

  it('refuses a package whose products are wrong', async () => {
    await install(
      'near',
      node,
      `${working}
      tf.unregisterKernel('BatchMatMul', 'tensorflow');
      tf.registerKernel({ kernelName: 'BatchMatMul', backendName: 'tensorflow',
        kernelFunc: ({ inputs, backend }) => backend.makeTensorInfo([1, 1], 'float32', new Float32Array([5])) });`,
    );
    expect((await failure(backend().activate())).message).to.contain('2 x 2 = 5');
  });

  it('starts a working package and computes with it', async () => {
    const directory = await install('near', node, working);
    expect(await backend().probe()).to.deep.equal({ available: true, detail: `${node} 4.22.0 in ${directory}` });
    await backend().activate();
    expect(tf.getBackend()).to.equal('tensorflow');
    const sum = tf.tidy(() => tf.ones([2, 2]).sum());
    expect((await sum.data())[0]).to.equal(4);
    sum.dispose();
  });

  it('takes the GPU package before the other, the nearer before the farther, or the one asked for', async () => {
    const loaded = async (choice?: TensorflowOptions['package']) => {
      await backend(choice).activate();
      return (globalThis as { rnnxTestLoaded?: string }).rnnxTestLoaded;
    };
    const cpuOnly = await install('near', node, working);
    const far = await install('far', gpu, working);
    expect(await loaded()).to.equal(far);
    const near = await install('near', gpu, working);
    expect(await loaded()).to.equal(near);
    expect(await loaded(node)).to.equal(cpuOnly);
  });

  it('notices that the install script of a package did not run', async () => {
    const binary = { module_name: 'tfjs_binding', module_path: './lib/napi-v{napi_build_version}', napi_versions: [8] };
    const directory = await install('near', gpu, working, { binary });
    const status = await backend().probe();
    expect(status).to.deep.include({ available: false, remedy: `npm rebuild ${gpu} --build-addon-from-source` });
    await mkdir(join(directory, 'lib/napi-v8'), { recursive: true });
    await writeFile(join(directory, 'lib/napi-v8/tfjs_binding.node'), '');
    expect((await backend().probe()).available).to.equal(true);
  });

  it('gives kernels the functions of util that Node 23 removed', async () => {
    const util = createRequire(import.meta.url)('node:util') as { isNullOrUndefined?: unknown; isArray?: unknown };
    const { isNullOrUndefined, isArray } = util;
    Object.assign(util, { isNullOrUndefined: undefined, isArray: undefined });
    try {
      await install(
        'near',
        node,
        `${working}
        const util = require('util');
        globalThis.rnnxTestUtil = [util.isNullOrUndefined(null), util.isNullOrUndefined(0), util.isArray([])];`,
      );
      await backend().activate();
      expect((globalThis as { rnnxTestUtil?: unknown }).rnnxTestUtil).to.deep.equal([true, false, true]);
    } finally {
      Object.assign(util, { isNullOrUndefined, isArray });
    }
  });

  it('refuses a package that it does not know', () => {
    const registry = new PluginRegistry(plugins);
    expect(() => registry.create('backend', { name: 'tensorflow', package: 'torch' }))
      .to.throw()
      .with.property('code', 'RNNX_CONFIG_INVALID');
  });
});
