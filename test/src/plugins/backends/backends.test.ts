import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import plugins, { autoOrder } from '@rnnx/backends';
import { PluginRegistry } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { onBackend, runOn, useBackend } from '../../support/backend.js';
import { expectClose } from './agreement.js';

const run = promisify(execFile);
const registry = new PluginRegistry(plugins);

describe('backends', () => {
  it('are registered by name, and auto tries each of them', () => {
    expect(registry.list('backend').map((plugin) => plugin.name)).to.have.members([...autoOrder]);
    expect(autoOrder.at(-1), 'the one that always works comes last').to.equal('cpu');
  });

  for (const name of ['cpu', 'wasm'] as const)
    describe(name, () => {
      onBackend(name);

      it('says what it is before it starts', async () => {
        const status = await registry.create('backend', name).probe();
        expect(status.available).to.equal(true);
        expect(status).to.have.property('detail').that.contains(tf.version['tfjs-core']).and.contains('1 thread');
      });

      it('is tfjs’s current backend, and stays the same when started again', async () => {
        const kernels = () => tf.getKernelsForBackend(name).map((kernel) => [kernel.kernelName, kernel.kernelFunc]);
        const before = kernels();
        const backend = await useBackend(name);
        expect(tf.getBackend()).to.equal(backend.tfjsName).and.to.equal(name);
        expect(kernels()).to.deep.equal(before);
      });

      it('refuses an option', () => {
        expect(() => registry.create('backend', { name, threads: 4 }))
          .to.throw()
          .with.property('code', 'RNNX_CONFIG_INVALID');
      });

      it('frees what it computes: products with fresh weights leave nothing behind', async () => {
        const heap = () =>
          name === 'wasm'
            ? (tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8.length
            : process.memoryUsage().arrayBuffers;
        const x = tf.linspace(-1, 1, 20 * 200).reshape([20, 200]);
        const step = () =>
          tf.tidy(() => {
            const weight = tf.fill([200, 400], 0.1);
            const [dx, dw] = tf.grads((a, b) => tf.matMul(a, b).square().sum())([x, weight]);
            return dx!.sum().add(dw!.sum());
          });
        for (let i = 0; i < 20; i++) step().dispose();
        const { numTensors, numDataBuffers } = tf.memory();
        const before = heap();
        for (let i = 0; i < 300; i++) {
          const result = step();
          if (i % 50 === 0) await result.data();
          result.dispose();
        }
        expect(tf.memory()).to.include({ numTensors, numDataBuffers });
        // One weight is 320 kB; 300 of them kept would be 96 MB.
        expect(heap() - before).to.be.lessThan(name === 'wasm' ? 1 : 48e6);
        x.dispose();
      });

      it('leaves a tensor alone when another that shares its elements goes', async () => {
        const x = tf.tensor1d([1, 2, 3]);
        const copies = [x.clone(), x.reshape([3, 1]), x.flatten()];
        x.dispose();
        const other = tf.ones([3]);
        for (const copy of copies) {
          expect(Array.from(await copy.data())).to.deep.equal([1, 2, 3]);
          copy.dispose();
        }
        other.dispose();
      });

      it('updates a variable without touching what was computed from it', async () => {
        const variable = tf.variable(tf.tensor1d([1, 2]));
        const kept = variable.clone();
        tf.tidy(() => variable.assign(variable.add(1)));
        expect(Array.from(await kept.data())).to.deep.equal([1, 2]);
        expect(Array.from(await variable.data())).to.deep.equal([2, 3]);
        tf.dispose([variable, kept]);
      });
    });
});

describe('kernels that wasm takes from cpu', () => {
  after(() => useBackend('cpu'));

  it('are all that cpu has, but complex numbers and drawing', async () => {
    await useBackend('wasm');
    const names = (backend: string) => tf.getKernelsForBackend(backend).map((kernel) => kernel.kernelName);
    const missing = names('cpu').filter((name) => !names('wasm').includes(name));
    expect(missing).to.have.members(['Complex', 'ComplexAbs', 'Draw', 'FFT', 'IFFT', 'Imag', 'Real']);
  });

  const bodies: Record<string, () => tf.Tensor | tf.Tensor[]> = {
    'a product of three lists of tensors (Einsum)': () => {
      const a = tf.linspace(-1, 1, 6).reshape([2, 3]);
      const b = tf.linspace(0, 2, 12).reshape([3, 4]);
      return [tf.einsum('ij,jk->ik', a, b), tf.einsum('ij,jk->', a, b), tf.einsum('ij->ji', a), tf.einsum('ij->ij', a)];
    },
    'the gradient of a convolution': () => {
      const x = tf.linspace(-1, 1, 2 * 5 * 5 * 2).reshape([2, 5, 5, 2]);
      const filter = tf.linspace(1, -1, 3 * 3 * 2 * 2).reshape([3, 3, 2, 2]);
      return tf.grads((a, b) =>
        tf
          .conv2d(a as tf.Tensor4D, b as tf.Tensor4D, 1, 'same')
          .square()
          .sum(),
      )([x, filter]);
    },
    'a list of several outputs with integers (RaggedGather)': () => {
      const { outputNestedSplits, outputDenseValues } = tf.raggedGather(
        [tf.tensor1d([0, 2, 3, 6], 'int32')],
        tf.tensor1d([1, 2, 3, 4, 5, 6]),
        tf.tensor1d([2, 0], 'int32'),
        1,
      );
      return [...outputNestedSplits, outputDenseValues];
    },
  };
  for (const [what, body] of Object.entries(bodies))
    it(`compute ${what} as cpu does, and leave nothing behind`, async () => {
      const expected = await runOn('stock', body);
      await runOn('wasm', body);
      const { numTensors, numDataBuffers } = tf.memory();
      const [onWasm, onCpu] = [tf.backend(), tf.findBackend('cpu')];
      const stored = [onWasm.numDataIds(), onCpu.numDataIds()];
      expectClose(await runOn('wasm', body), expected, what);
      expect(tf.memory()).to.include({ numTensors, numDataBuffers });
      expect([onWasm.numDataIds(), onCpu.numDataIds()]).to.deep.equal(stored);
    });

  it('take strings', async () => {
    await useBackend('wasm');
    const text = tf.tensor1d(['abc', 'cab']);
    const result = tf.string.staticRegexReplace(text, 'a', 'x') as tf.Tensor;
    expect(await result.array()).to.deep.equal(['xbc', 'cxb']);
    tf.dispose([text, result]);
  });
});

describe('a fresh process', () => {
  let elsewhere: string;
  before(async () => {
    elsewhere = await mkdtemp(join(tmpdir(), 'rnnx-backends-'));
  });
  after(() => rm(elsewhere, { recursive: true }));

  const inFresh = async (script: string): Promise<unknown> => {
    const url = (name: string) => JSON.stringify(import.meta.resolve(name));
    const source = `import * as tf from ${url('@tensorflow/tfjs')};
      import plugins from ${url('@rnnx/backends')};
      const named = (name) => plugins.find((plugin) => plugin.name === name).create({ package: 'auto' }, {});
      console.log(JSON.stringify(await (async () => { ${script} })()));`;
    const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', source], { cwd: elsewhere });
    expect(stderr, 'warnings').to.equal('');
    return JSON.parse(stdout);
  };

  it('does nothing when the plugins are imported', async () => {
    expect(
      await inFresh(`return [tf.findBackendFactory('wasm') == null, tf.getKernelsForBackend('wasm').length];`),
    ).to.deep.equal([true, 0]);
  });

  it('runs wasm from any folder, without a word, and leaves the handling of crashes to the host', async () => {
    const result = await inFresh(`
      const events = ['uncaughtException', 'unhandledRejection'];
      const listeners = () => events.map((event) => process.listenerCount(event));
      const before = listeners();
      await named('wasm').activate();
      const four = tf.tidy(() => tf.matMul(tf.ones([1, 4]), tf.ones([4, 1])));
      return { before, after: listeners(), backend: tf.getBackend(), four: Array.from(await four.data()) };`);
    expect(result).to.deep.equal({ before: [0, 0], after: [0, 0], backend: 'wasm', four: [4] });
  });

  it('runs cpu without tfjs’s advertisement', async () => {
    expect(await inFresh(`await named('cpu').activate(); return Array.from(await tf.ones([2]).data());`)).to.deep.equal(
      [1, 1],
    );
  });
});
