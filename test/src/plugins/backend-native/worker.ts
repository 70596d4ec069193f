import { parentPort, workerData } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs';
import { useBackend } from '../../support/backend.js';

/** Trains a small network that is the seed's own on the native backend; the losses and the final weights. */
export async function train(seed: number, updates: number): Promise<{ losses: number[]; weights: number[] }> {
  await useBackend('native');
  const waves = (shape: number[], phase: number) =>
    tf.tidy(() =>
      tf
        .range(0, tf.util.sizeFromShape(shape))
        .mul(12.9898)
        .add(seed + phase)
        .sin()
        .mul(0.1)
        .reshape(shape),
    );
  const hidden = tf.variable(waves([128, 256], 1));
  const output = tf.variable(waves([256, 128], 2));
  const x = waves([96, 128], 3);
  const losses: number[] = [];
  const optimizer = tf.train.momentum(0.05, 0.9);
  for (let update = 0; update < updates; update++) {
    const cost = optimizer.minimize(
      () => {
        const y = x.matMul(hidden).tanh().matMul(output);
        return tf.softmax(y).sub(x).square().mean().asScalar();
      },
      true,
      [hidden, output],
    )!;
    losses.push((await cost.data())[0]!);
    cost.dispose();
  }
  const weights = Array.from(await output.data()).slice(0, 500);
  optimizer.dispose();
  tf.dispose([hidden, output, x]);
  return { losses, weights };
}

if (parentPort !== null) parentPort.postMessage(await train(workerData.seed, workerData.updates));
