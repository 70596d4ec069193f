import * as tf from '@tensorflow/tfjs';
import { RnnxError } from '../errors.js';
import { fusedKernels } from '../recurrence/fused.js';

/**
 * An exponential-family output layer, -log p(y|h) = A(η) - η·y - log ν(y) with η = h Vᵀ + b (NOISIN, equation 2).
 */
export interface Likelihood {
  /**
   * @param hidden `[N, H]`
   * @param weight V, `[O, H]`, a row per output
   * @param bias `[O]`
   * @param targets `[N]` int32 labels (categorical) or `[N, O]` values
   * @param variance of `hidden`, `[N, H]`, where it is a distribution (fast dropout). Then η is Gaussian with variance
   *   v · V² and the mean of y under it is taken. Errors: RNNX_OPTION_CONFLICT where the family has no such mean.
   * @returns nats per prediction, `[N]`
   */
  nll(
    hidden: tf.Tensor2D,
    weight: tf.Tensor2D,
    bias: tf.Tensor1D,
    targets: tf.Tensor,
    variance?: tf.Tensor2D,
  ): tf.Tensor1D;
  /** Σ over the predictions, where one kernel finds it. */
  nllSum?(hidden: tf.Tensor2D, weight: tf.Tensor2D, bias: tf.Tensor1D, targets: tf.Tensor): tf.Scalar | undefined;
  /** The same from η `[N, O]`, where that is no detour. */
  ofParameters?(eta: tf.Tensor2D, targets: tf.Tensor): tf.Tensor1D;
}

/** η = h Vᵀ + b, `[N, O]`. */
export function naturalParameters(hidden: tf.Tensor2D, weight: tf.Tensor2D, bias: tf.Tensor1D): tf.Tensor2D {
  return tf.add(tf.matMul(hidden, weight, false, true), bias);
}

/**
 * Categorical: A(η) = log Σ exp η, ν = 1. Neither one-hot targets nor their gradient are ever made: the label's part of
 * every gradient is a gather or a scatter-add.
 */
export const categorical: Likelihood = {
  nll(hidden, weight, bias, targets, variance) {
    if (variance !== undefined)
      throw new RnnxError(
        'RNNX_OPTION_CONFLICT',
        'A categorical output layer cannot take a hidden state with a variance',
        {
          got: 'a cell that carries moments, where words or classes are predicted',
          expected: 'a Bernoulli or Gaussian task',
          remedy: 'take another cell, or a data set of frames',
        },
      );
    const fused = fusedKernels().linearCrossEntropy?.(hidden, weight, bias, targets as tf.Tensor1D);
    if (fused !== undefined) return fused;
    const [outputs] = weight.shape;
    const [rows] = hidden.shape;
    const labels = targets as tf.Tensor1D;
    const nll = tf.customGrad((...inputs) => {
      const [h, v, b] = inputs as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D];
      const save = inputs[3] as unknown as (tensors: tf.Tensor[]) => void;
      const logits = naturalParameters(h, v, b); // [N, O]
      const probabilities = tf.softmax(logits); // [N, O]
      // log Σ exp = max η - log max p: no second pass of exponentials, and max p >= 1/O cannot underflow.
      const logPartition = tf.sub(tf.max(logits, 1), tf.log(tf.max(probabilities, 1)));
      const offsets = tf.range(0, rows * outputs, outputs, 'int32');
      const picked = tf.gather(tf.reshape(logits, [-1]), tf.add(offsets, labels));
      save([h, v, probabilities, labels]);
      return {
        value: tf.sub(logPartition, picked),
        gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
          const [h, v, p, y] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor1D];
          const column = tf.reshape(dy, [rows, 1]);
          const weighted = tf.mul(p, column); // [N, O]
          const scaledHidden = tf.mul(h, column); // [N, H]
          const dHidden = tf.sub(tf.matMul(weighted, v), tf.mul(tf.gather(v, y), column));
          const dWeight = tf.sub(tf.matMul(weighted, h, true, false), tf.unsortedSegmentSum(scaledHidden, y, outputs));
          const dBias = tf.sub(tf.sum(weighted, 0), tf.unsortedSegmentSum(tf.reshape(dy, [rows]), y, outputs));
          return [dHidden, dWeight, dBias];
        },
      };
    });
    return nll(hidden, weight, bias) as tf.Tensor1D;
  },
  nllSum: (hidden, weight, bias, targets) =>
    fusedKernels().linearCrossEntropySum?.(hidden, weight, bias, targets as tf.Tensor1D),
};

/**
 * Bernoulli, summed over the outputs: A(η) = log(1 + exp η), ν = 1; targets 0 or 1. Under a variance v of η the mean of y is
 * σ(η / √(1 + π v / 8)) (Wang and Manning 2013).
 */
export const bernoulli: Likelihood = {
  nll(hidden, weight, bias, targets, variance) {
    const fused =
      variance === undefined ? fusedKernels().linearSigmoid?.(hidden, weight, bias, targets as tf.Tensor2D) : undefined;
    if (fused !== undefined) return fused;
    return elementwise(shrink(naturalParameters(hidden, weight, bias), weight, variance), targets, bernoulliFamily);
  },
  ofParameters: (eta, targets) => elementwise(eta, targets, bernoulliFamily),
};

const logRootTwoPi = 0.5 * Math.log(2 * Math.PI);

/**
 * Gaussian of unit variance, summed over the outputs: A(η) = η²/2, log ν(y) = -y²/2 - log √(2π). The mean of y does not
 * depend on a variance of η.
 */
export const gaussian: Likelihood = {
  nll: (hidden, weight, bias, targets) => elementwise(naturalParameters(hidden, weight, bias), targets, gaussianFamily),
  ofParameters: (eta, targets) => elementwise(eta, targets, gaussianFamily),
};

export const likelihoods = { categorical, bernoulli, gaussian } as const;

interface Family {
  /** `[N, O]` */
  nll(eta: tf.Tensor2D, targets: tf.Tensor2D): tf.Tensor;
  /** A'(η), the mean of y. */
  mean(eta: tf.Tensor2D): tf.Tensor2D;
}

const bernoulliFamily: Family = {
  // log(1 + exp η) = max(η, 0) + log(1 + exp -|η|) does not overflow.
  nll: (eta, y) => tf.add(tf.sub(tf.relu(eta), tf.mul(eta, y)), tf.log1p(tf.exp(tf.neg(tf.abs(eta))))),
  mean: (eta) => tf.sigmoid(eta),
};

const gaussianFamily: Family = {
  nll: (eta, y) => tf.add(tf.mul(tf.square(tf.sub(eta, y)), 0.5), logRootTwoPi),
  mean: (eta) => eta,
};

/** η / √(1 + π v / 8) with v the variance of η. */
function shrink(eta: tf.Tensor2D, weight: tf.Tensor2D, variance: tf.Tensor2D | undefined): tf.Tensor2D {
  if (variance === undefined) return eta;
  const spread = tf.matMul(variance, tf.square(weight), false, true); // [N, O]
  return tf.div(eta, tf.sqrt(tf.add(tf.mul(spread, Math.PI / 8), 1)));
}

function elementwise(eta: tf.Tensor2D, targets: tf.Tensor, family: Family): tf.Tensor1D {
  const y = targets as tf.Tensor2D;
  // The gradient A'(η) - y is exact everywhere, also where |η| has none.
  const nll = tf.customGrad((...inputs) => {
    const natural = inputs[0] as tf.Tensor2D;
    const save = inputs[1] as unknown as (tensors: tf.Tensor[]) => void;
    save([natural, y]);
    return {
      value: tf.sum(family.nll(natural, y), 1),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        tf.mul(tf.sub(family.mean(saved[0] as tf.Tensor2D), saved[1]!), tf.reshape(dy, [-1, 1])),
    };
  });
  return nll(eta) as tf.Tensor1D;
}
