import { type Normalization, type PerturbContext, RnnxError, type Weights } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

/**
 * Which statistics normalise a quantity, each time step apart: the minibatch's in training, the minibatch's with a note to
 * the host while population statistics are estimated, and the population's at evaluation.
 *
 * @param name unique among the quantities of the model
 * @param maxSteps steps from here on share the statistics of the last one
 */
export function statisticsOf(
  name: string,
  { phase, start = 0, steps, observe, statistics = {} }: PerturbContext,
  maxSteps: number,
): Pick<Normalization, 'observe' | 'statistics'> {
  const step = (t: number) => Math.min(start + t, maxSteps - 1);
  if (observe !== undefined)
    return {
      observe(mean, variance, t, column) {
        const stacked = tf.stack([mean, variance]); // [2, (T,) 1, n]
        const each = t === undefined ? tf.unstack(stacked, 1) : [stacked];
        for (const [i, value] of each.entries()) observe(`${name}/${column}/${step(t ?? i)}`, value);
      },
    };
  if (phase === 'train') return {};

  const known = knownStatistics(statistics, name);
  const last = known.length - 1;
  const rows = Array.from({ length: steps }, (_, t) => known[Math.min(step(t), last)]!);
  const [mean, variance] = tf.unstack(tf.stack(rows, 1)); // [T, 1, N] each
  return { statistics: { mean: mean!, variance: variance! } };
}

/** By time step, `[2, 1, N]` each; those of several products are put side by side. */
function knownStatistics(statistics: Weights, name: string): tf.Tensor[] {
  const keys = Object.keys(statistics).filter((key) => key.startsWith(`${name}/`));
  const part = (key: string, index: 1 | 2) => Number(key.slice(name.length).split('/')[index]);
  const columns = [...new Set(keys.map((key) => part(key, 1)))].sort((a, b) => a - b);
  const length = keys.length / columns.length;
  if (keys.length === 0) throw missing(name, 'an evaluation without statistics');
  return Array.from({ length }, (_, k) => {
    const parts = columns.map((column) => statistics[`${name}/${column}/${k}`]);
    if (parts.includes(undefined)) throw missing(name, `statistics without those of step ${k}`);
    return parts.length === 1 ? parts[0]! : tf.concat(parts as tf.Tensor[], 2);
  });
}

function missing(name: string, got: string): RnnxError {
  return new RnnxError('RNNX_STATISTICS_MISSING', `There are no population statistics of "${name}"`, {
    got,
    expected: 'the averages that estimateStatistics gives, beside the parameters in the weights',
    remedy: 'call estimateStatistics over the training split first',
  });
}
