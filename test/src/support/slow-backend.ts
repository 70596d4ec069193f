import {
  adam,
  clipByGlobalNorm,
  type DeviceUpdates,
  momentum,
  type Optimizer,
  registerFusedKernels,
  rmsprop,
  sgd,
  type UpdateRule,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { useBackend } from './backend.js';

const name = 'slow';

/** What is read from the slow backend. */
export interface SlowReads {
  /** Reads that have not been answered, oldest first. */
  readonly waiting: readonly (() => void)[];
  /** Whether new reads wait for `answer`; otherwise they are answered a few turns of the event loop later. */
  hold: boolean;
  /** Fails the n-th of the reads to come, from 1, and all after it. */
  failFrom: number;
  error: Error | undefined;
  answer(): void;
}

/**
 * Makes a backend current that computes as cpu does, to the same bits, and behaves like a device: updates are its own, and
 * numbers take time to be read.
 */
export async function useSlowBackend(stepsAhead: number): Promise<SlowReads> {
  await useBackend('cpu');
  const waiting: (() => void)[] = [];
  const reads: SlowReads = {
    waiting,
    hold: false,
    failFrom: Number.POSITIVE_INFINITY,
    error: undefined,
    answer: () => waiting.shift()!(),
  };
  const CpuBackend = tf.findBackend('cpu').constructor as new () => tf.KernelBackend & { firstUse: boolean };
  class SlowBackend extends CpuBackend {
    override async read(id: object): Promise<tf.backend_util.BackendValues> {
      // As on a device, the copy is ordered now and whatever happens to the tensor later does not matter.
      const values = (this.readSync(id) as Float32Array).slice();
      reads.failFrom--;
      const fails = reads.failFrom < 1;
      if (reads.hold) await new Promise<void>((resolve) => waiting.push(resolve));
      else for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      if (fails) throw reads.error;
      return values;
    }
  }
  if (tf.findBackendFactory(name) != null) tf.removeBackend(name);
  else for (const kernel of tf.getKernelsForBackend('cpu')) tf.registerKernel({ ...kernel, backendName: name });
  const backend = new SlowBackend();
  backend.firstUse = false;
  tf.registerBackend(name, () => backend, 0);
  registerFusedKernels(name, { deviceUpdates: deviceUpdates(stepsAhead) });
  await tf.setBackend(name);
  return reads;
}

function deviceUpdates(stepsAhead: number): DeviceUpdates {
  return {
    stepsAhead,
    update: ({ rule, weights, slots, gradients, clipNorm, context }) =>
      tf.tidy(() => {
        const { norm, gradients: clipped } = clipByGlobalNorm(gradients, clipNorm);
        const update = optimizerOf(rule).update(weights, slots, clipped, context);
        const sum = tf.addN(Object.values(update.weights).map((weight) => tf.sum(weight)));
        return { ...update, report: tf.stack([sum, norm]) } as never;
      }),
  };
}

function optimizerOf(rule: UpdateRule): Optimizer {
  switch (rule.kind) {
    case 'sgd':
      return sgd();
    case 'momentum':
      return momentum({ ...rule, nesterov: false });
    case 'adam':
      return adam(rule);
    case 'rmsprop':
      return rmsprop({ ...rule, initial: 0 });
  }
}
