import * as tf from '@tensorflow/tfjs';
import { filledSlots, type Optimizer, slotOf, updateEach } from './optimizer.js';

export interface AdamOptions {
  /** β₁, decay of the mean. */
  readonly beta1: number;
  /** β₂, decay of the mean square. */
  readonly beta2: number;
  /** ε, outside the root. */
  readonly epsilon: number;
}

/**
 * Adam with bias correction (Kingma and Ba 2015, algorithm 1):
 * m ← β₁ m + (1-β₁) g, s ← β₂ s + (1-β₂) g², w ← w - η (m / (1-β₁ᵗ)) / (√(s / (1-β₂ᵗ)) + ε).
 */
export function adam({ beta1, beta2, epsilon }: AdamOptions): Optimizer {
  return {
    rule: { kind: 'adam', beta1, beta2, epsilon },
    initialSlots: (weights) => ({ ...filledSlots(weights, 'mean'), ...filledSlots(weights, 'square') }),
    update: (weights, slots, gradients, { learningRate, step }) => {
      const rate = learningRate / (1 - beta1 ** step);
      const correction = 1 / (1 - beta2 ** step);
      return updateEach(weights, gradients, (name, w, g) => {
        const mean = tf.add(tf.mul(slotOf(slots, 'mean', name), beta1), tf.mul(g, 1 - beta1));
        const square = tf.add(tf.mul(slotOf(slots, 'square', name), beta2), tf.mul(tf.square(g), 1 - beta2));
        const root = tf.add(tf.sqrt(tf.mul(square, correction)), epsilon);
        return [tf.sub(w, tf.mul(tf.div(mean, root), rate)), { mean, square }];
      });
    },
  };
}
