import { cpu } from '@rnnx/backends';
import { type Backend, definePlugin, PluginRegistry } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { checkBackend } from '../kit/index.js';
import { expectBroken } from './support.js';

const inner: Backend = new PluginRegistry([cpu]).create('backend', 'cpu');

function plugin(change: Partial<Backend>) {
  return definePlugin<'backend', Record<never, never>>({
    kind: 'backend',
    name: 'other-cpu',
    summary: 'The cpu again',
    core: '^0.1.0',
    paper: null,
    schema: { type: 'object', additionalProperties: false, properties: {} },
    create: () => ({ tfjsName: 'cpu', probe: () => inner.probe(), activate: () => inner.activate(), ...change }),
  });
}

const claims = { valid: [{ options: {} }], invalid: [] };

/** A tfjs backend of its own, with the kernels of the cpu and a `tanh` that something is done to. */
function register(name: string, spoil: (values: Float32Array) => Float32Array): void {
  tf.registerBackend(name, tf.findBackendFactory('cpu') as () => tf.KernelBackend);
  tf.copyRegisteredKernels('cpu', name);
  const right = tf.getKernel('Tanh', 'cpu');
  tf.unregisterKernel('Tanh', name);
  tf.registerKernel({
    ...right,
    backendName: name,
    kernelFunc: (given) => {
      const result = right.kernelFunc(given) as tf.TensorInfo;
      const { data } = given.backend as { data: Map<object, { values: Float32Array }> };
      const entry = data.get(result.dataId)!;
      entry.values = spoil(entry.values);
      return result;
    },
  });
}

function spoiled(name: string): Partial<Backend> {
  return {
    tfjsName: name,
    activate: async () => {
      await tf.setBackend(name);
    },
  };
}

describe('the contract of backends', () => {
  it('holds for a right backend', async () => {
    expectBroken(await checkBackend(plugin({}), claims), {});
  });

  it('catches a backend that starts another than it says', async () => {
    const found = await checkBackend(plugin({ tfjsName: 'gpu' }), claims);
    expectBroken(found, { probe: /is named gpu, and starts cpu/ });
  });

  it('catches a probe without words', async () => {
    const probe = async () => ({ available: true, detail: '' }) as const;
    expectBroken(await checkBackend(plugin({ probe }), claims), { probe: /the status lacks words/ });
  });

  it('catches a backend that starts although it is not available', async () => {
    const probe = async () => ({ available: false, reason: 'none', remedy: 'buy one' }) as const;
    const found = await checkBackend(plugin({ probe }), claims);
    expectBroken(found, { probe: /is not available, and starting it gives no error/ });
  });

  it('catches a failed start without a code', async () => {
    const probe = async () => ({ available: false, reason: 'none', remedy: 'buy one' }) as const;
    const activate = async () => {
      throw new Error('no luck');
    };
    expectBroken(await checkBackend(plugin({ probe, activate }), claims), { probe: /no luck/ });
  });

  it('catches wrong numbers', async () => {
    register('wrong', (values) => values.map((value) => value * 1.01));
    const found = await checkBackend(plugin(spoiled('wrong')), claims);
    expectBroken(found, { training: /cpu computes .*, other-cpu computes/ });
  });

  it('catches numbers that change', async () => {
    let calls = 0;
    register('restless', (values) => values.map((value) => value * (1 + calls++ * 1e-7)));
    const found = await checkBackend(plugin(spoiled('restless')), claims);
    expectBroken(found, { training: /trains to other bits the second time/ });
  });

  it('catches a kernel that keeps a tensor', async () => {
    register('hoarding', (values) => {
      tf.keep(tf.zeros([1]));
      return values;
    });
    expectBroken(await checkBackend(plugin(spoiled('hoarding')), claims), { 'no-leak': /leaves \d+ tensors behind/ });
  });

  after(() => {
    for (const name of ['wrong', 'restless', 'hoarding']) {
      tf.removeBackend(name);
      for (const { kernelName } of tf.getKernelsForBackend(name)) tf.unregisterKernel(kernelName, name);
    }
  });
});
