import * as tf from '@tensorflow/tfjs';
import type { MonteCarlo } from '../contracts/regularizer.js';
import type { Minibatch } from './minibatch.js';
import type { PassOptions } from './model.js';

/**
 * Host values of a minibatch as a tensor in which each example stands K times, copy-major within a step: row
 * `t·K·B + k·B + b`.
 *
 * @param width of a frame, `undefined` for tokens
 * @returns int32 `[T·K·B]`, or float32 `[T·K·B, D]`
 */
export function tileCopies(
  values: Int32Array | Float32Array,
  steps: number,
  batch: number,
  width: number | undefined,
  copies: number,
): tf.Tensor {
  const row = batch * (width ?? 1);
  let tiled = values;
  if (copies > 1) {
    tiled = width === undefined ? new Int32Array(values.length * copies) : new Float32Array(values.length * copies);
    for (let t = 0; t < steps; t++)
      for (let k = 0; k < copies; k++) tiled.set(values.subarray(t * row, (t + 1) * row), (t * copies + k) * row);
  }
  return width === undefined
    ? tf.tensor1d(tiled, 'int32')
    : tf.tensor2d(tiled, [steps * copies * batch, width], 'float32');
}

/**
 * Negative log-probabilities averaged over the copies: of the probabilities, -log (1/K) Σ exp(-nll), or of the nll itself.
 *
 * @param nll `[.., K·B, ..]` with the copies in dimension 0 of `[K·B, V]`, or in dimension 1 of `[T, K·B]`
 */
export function averageCopies(nll: tf.Tensor, copies: number, average: MonteCarlo['average']): tf.Tensor {
  if (copies === 1) return nll;
  const [rows, columns] = nll.shape as [number, number];
  return reduce(tf.reshape(nll, [copies, rows / copies, columns]), 0, copies, average);
}

/** Sum over the counted predictions of `nll` `[T·K·B]`, averaged over the copies. */
export function countedSum(nll: tf.Tensor1D, batch: Minibatch, { copies, average }: PassOptions): tf.Scalar {
  let each: tf.Tensor = nll;
  if (copies > 1)
    each = tf.reshape(reduce(tf.reshape(nll, [batch.steps, copies, batch.batch]), 1, copies, average), [-1]);
  if (batch.mask !== null) each = tf.mul(each, tf.tensor1d(batch.mask, 'float32'));
  return tf.sum(each);
}

function reduce(nll: tf.Tensor, axis: number, copies: number, average: MonteCarlo['average']): tf.Tensor {
  if (average === 'log-probabilities') return tf.mean(nll, axis);
  return tf.sub(Math.log(copies), tf.logSumExp(tf.neg(nll), axis));
}
