import { type Backend, type BackendStatus, definePlugin, startBackend } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { replaceCpuKernels } from './kernels/cpu.js';
import { quietCpuBackend } from './kernels/fill.js';

class Cpu implements Backend {
  readonly tfjsName = 'cpu';

  async probe(): Promise<BackendStatus> {
    return { available: true, detail: `tfjs ${tf.version['tfjs-core']}, plain JavaScript, 1 thread` };
  }

  async activate(): Promise<void> {
    replaceCpuKernels();
    quietCpuBackend();
    await startBackend('cpu');
  }
}

/**
 * tfjs's cpu backend, which runs wherever JavaScript does, with its slowest kernels replaced: matrix products,
 * broadcasting arithmetic, sums, softmax, copies of parts of tensors, gather and its gradient.
 */
export const cpu = definePlugin<'backend', Record<never, never>>({
  kind: 'backend',
  name: 'cpu',
  summary: 'Plain JavaScript on one core: works everywhere, for small models and tests',
  core: '^0.1.0',
  paper: null,
  schema: { type: 'object', additionalProperties: false, properties: {} },
  create: () => new Cpu(),
});
