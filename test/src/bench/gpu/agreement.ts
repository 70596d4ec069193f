import { cpu } from '@rnnx/backends';
import type { Backend } from '@rnnx/core';
import { createRng, enableFusedKernels, PluginRegistry } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { createWorkload, type Spec } from '../workload.js';

export interface Agreement {
  readonly variant: Spec['variant'];
  /** Largest relative difference of the losses to those of the cpu backend, over the steps. */
  readonly fused: number;
  /** The same where every operation is tfjs's own. */
  readonly composed: number;
}

const steps = 20;

/** Losses of a small model on the GPU, with our kernels and without, beside those of tfjs's cpu backend. */
export async function agreement(gpu: Backend, variant: Spec['variant']): Promise<Agreement> {
  const spec: Spec = {
    task: 'language',
    cell: 'lstm',
    layers: 2,
    hidden: 40,
    steps: 10,
    batch: 8,
    inputs: 60,
    outputs: 60,
    variant,
  };
  const losses = async () => {
    const workload = createWorkload(spec);
    const found: number[] = [];
    for (let i = 0; i < steps; i++) found.push(await workload.step());
    workload.dispose();
    return found;
  };
  await new PluginRegistry([cpu]).create('backend', 'cpu').activate();
  const expected = await losses();
  await gpu.activate();
  const apart = (actual: readonly number[]) =>
    actual.reduce((worst, loss, i) => Math.max(worst, Math.abs(loss / expected[i]! - 1)), 0);
  const fused = apart(await losses());
  enableFusedKernels(false);
  try {
    return { variant, fused, composed: apart(await losses()) };
  } finally {
    enableFusedKernels(true);
  }
}

/** Root mean square of the error of a large product's first rows, as a share of theirs, on the backend in use. */
export async function productError(): Promise<number> {
  const [m, k, n, checked] = [768, 200, 768, 8];
  const numbers = (name: string, count: number) => createRng(4).stream(name).normals(count);
  const [a, b] = [numbers('a', m * k), numbers('b', k * n)];
  const product = tf.tidy(() =>
    tf.slice(tf.matMul(tf.tensor2d(a, [m, k]), tf.tensor2d(b, [k, n])), [0, 0], [checked, n]),
  );
  const values = await product.data();
  product.dispose();
  let [wrong, right] = [0, 0];
  for (const [i, value] of values.entries()) {
    const [row, column] = [Math.floor(i / n), i % n];
    let sum = 0;
    for (let p = 0; p < k; p++) sum += a[row * k + p]! * b[p * n + column]!;
    wrong += (value - sum) ** 2;
    right += sum ** 2;
  }
  return Math.sqrt(wrong / right);
}
