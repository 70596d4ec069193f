import * as tf from '@tensorflow/tfjs';
import type { Weights } from '../../contracts/parameters.js';
import { fusedKernels } from '../../recurrence/fused.js';
import type { Optimizer } from './optimizer.js';
import { sgd } from './sgd.js';

export interface AsgdOptions {
  /** n: validations to look back. */
  readonly nonMonotone: number;
}

/**
 * Averaged SGD with the non-monotonic trigger (Merity, Keskar, Socher 2018, algorithm 1, NT-ASGD). Plain SGD until a
 * validation metric is worse than the best one more than n validations ago; from that step T on the weights to evaluate
 * are the mean of the iterates, Σ_{i=T..k} w_i / (k-T+1), while SGD goes on with its own.
 */
export function asgd({ nonMonotone }: AsgdOptions): Optimizer {
  return {
    ...sgd(),
    startsAveraging(history) {
      const before = history.slice(0, -1);
      if (before.length <= nonMonotone) return false;
      return history.at(-1)! > Math.min(...before.slice(0, before.length - nonMonotone));
    },
  };
}

/**
 * The mean of one iterate more: mean + (weights - mean) / count.
 *
 * @param count iterates with this one
 * @returns the longer mean, which the caller owns, as it does what it gave. A backend may have changed tensors of `mean` in
 *   place; these are in both.
 */
export function extendAverage(mean: Weights, weights: Weights, count: number): Record<string, tf.Tensor> {
  const extended = fusedKernels().optimizer?.average(mean, weights, count);
  if (extended !== undefined) return extended;
  return tf.tidy(() =>
    Object.fromEntries(
      Object.entries(weights).map(([name, w]) => [
        name,
        tf.add(mean[name]!, tf.mul(tf.sub(w, mean[name]!), 1 / count)),
      ]),
    ),
  );
}
