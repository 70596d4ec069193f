import { type PerturbContext, RnnxError, type Weights } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

interface MeanAndVariance {
  /** `[.., 1, N]`, to subtract from `[.., B, N]`. */
  readonly mean: tf.Tensor;
  readonly variance: tf.Tensor;
}

/** Mean and variance of a quantity `[T, B, N]` (`t` undefined) or of one step `[B, N]`; `column` tells products apart. */
export type Moments = (x: tf.Tensor, t: number | undefined, column?: number) => MeanAndVariance;

/**
 * Statistics of one quantity, each time step apart: of the minibatch in training, of the minibatch with a note to the host
 * while population statistics are estimated, and of the population at evaluation.
 *
 * @param name unique among the quantities of the model
 * @param maxSteps steps from here on share the statistics of the last one
 */
export function statisticsKeeper(name: string, context: PerturbContext, maxSteps: number): Moments {
  const { phase, start = 0, steps, observe, mask, statistics = {} } = context;
  const step = (t: number) => Math.min(start + t, maxSteps - 1);
  const key = (k: number, column: number) => `${name}/${column}/${k}`;

  if (phase === 'train' || observe !== undefined)
    return (x, t, column = 0) => {
      const weight = mask && tf.expandDims(t === undefined ? mask : tf.gather(mask, t), -1); // [.., B, 1]
      const moments = momentsOfBatch(x, weight);
      if (observe !== undefined) {
        const stacked = tf.stack([moments.mean, moments.variance]); // [2, (T,) 1, N]
        const each = t === undefined ? tf.unstack(stacked, 1) : [stacked];
        for (const [i, value] of each.entries()) observe(key(step(t ?? i), column), value);
      }
      return moments;
    };

  const last = lastStep(statistics, name);
  return (_x, t, column = 0) => {
    const at = (k: number) => statistics[key(Math.min(k, last), column)] ?? missing(name);
    const stacked =
      t === undefined
        ? tf.stack(
            Array.from({ length: steps }, (_, i) => at(step(i))),
            1,
          )
        : at(step(t)); // [2, (T,) 1, N]
    const [mean, variance] = tf.unstack(stacked, 0);
    return { mean: mean!, variance: variance! };
  };

  function momentsOfBatch(x: tf.Tensor, weight: tf.Tensor | undefined): MeanAndVariance {
    const axis = x.rank - 2;
    if (weight === undefined) {
      const { mean, variance } = tf.moments(x, axis, true);
      return { mean, variance };
    }
    const count = tf.maximum(tf.sum(weight, axis, true), 1);
    const mean = tf.div(tf.sum(tf.mul(x, weight), axis, true), count);
    const variance = tf.div(tf.sum(tf.mul(tf.square(tf.sub(x, mean)), weight), axis, true), count);
    return { mean, variance };
  }
}

function lastStep(statistics: Weights, name: string): number {
  let last = -1;
  for (const key of Object.keys(statistics))
    if (key.startsWith(`${name}/`)) last = Math.max(last, Number(key.slice(key.lastIndexOf('/') + 1)));
  return last;
}

function missing(name: string): never {
  throw new RnnxError('RNNX_STATISTICS_MISSING', `There are no population statistics of "${name}"`, {
    got: 'an evaluation without statistics',
    expected: 'the averages that estimateStatistics gives, beside the parameters in the weights',
    remedy: 'call estimateStatistics over the training split first',
  });
}
