import * as tf from '@tensorflow/tfjs';
import { type Optimizer, updateEach } from './optimizer.js';

/** Stochastic gradient descent: w ← w - η g. */
export function sgd(): Optimizer {
  return {
    rule: { kind: 'sgd' },
    initialSlots: () => ({}),
    update: (weights, _slots, gradients, { learningRate }) =>
      updateEach(weights, gradients, (_name, w, g) => [tf.sub(w, tf.mul(g, learningRate)), {}]),
  };
}
