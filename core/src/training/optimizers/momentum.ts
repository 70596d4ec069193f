import * as tf from '@tensorflow/tfjs';
import { filledSlots, type Optimizer, slotOf, updateEach } from './optimizer.js';

export interface MomentumOptions {
  /** μ, from 0 up to but not including 1. */
  readonly momentum: number;
  /** Gradient at w + μ v in place of w. */
  readonly nesterov: boolean;
}

/**
 * Momentum: v ← μ v - η ∇E(w), w ← w + v; Nesterov's form takes the gradient at w + μ v (Sutskever, Martens, Dahl, Hinton
 * 2013, equations 1-4).
 *
 * The weights are w itself. Libraries that fold the look-ahead into the update (PyTorch) hold w + μ v instead, which is
 * what `lookAhead` gives here.
 */
export function momentum({ momentum: mu, nesterov }: MomentumOptions): Optimizer {
  return {
    rule: { kind: 'momentum', momentum: mu },
    initialSlots: (weights) => filledSlots(weights, 'velocity'),
    ...(nesterov && {
      lookAhead: (weights, slots) =>
        tf.tidy(() =>
          Object.fromEntries(
            Object.entries(weights).map(([name, w]) => [name, tf.add(w, tf.mul(slotOf(slots, 'velocity', name), mu))]),
          ),
        ),
    }),
    update: (weights, slots, gradients, { learningRate }) =>
      updateEach(weights, gradients, (name, w, g) => {
        const velocity = tf.sub(tf.mul(slotOf(slots, 'velocity', name), mu), tf.mul(g, learningRate));
        return [tf.add(w, velocity), { velocity }];
      }),
  };
}
