import * as tf from '@tensorflow/tfjs';
import { filledSlots, type Optimizer, slotOf, updateEach } from './optimizer.js';

export interface RmspropOptions {
  /** d, decay of the running mean square. */
  readonly decay: number;
  /** μ. */
  readonly momentum: number;
  /** Inside the root. */
  readonly epsilon: number;
  /** The running mean square before the first update. */
  readonly initial: number;
}

/**
 * RMSProp (Tieleman and Hinton 2012, lecture 6.5) with Nesterov momentum, in the form of the library climin:
 * g = ∇E(w - μ v), r ← d r + (1-d) g², v ← μ v + η g / √(r + ε), w ← w - v.
 *
 * The division comes before the momentum, r starts at `initial` and ε is inside the root; PyTorch differs in all three.
 */
export function rmsprop({ decay, momentum: mu, epsilon, initial }: RmspropOptions): Optimizer {
  return {
    rule: { kind: 'rmsprop', decay, momentum: mu, epsilon },
    initialSlots: (weights) => ({ ...filledSlots(weights, 'velocity'), ...filledSlots(weights, 'square', initial) }),
    ...(mu !== 0 && {
      lookAhead: (weights, slots) =>
        tf.tidy(() =>
          Object.fromEntries(
            Object.entries(weights).map(([name, w]) => [name, tf.sub(w, tf.mul(slotOf(slots, 'velocity', name), mu))]),
          ),
        ),
    }),
    update: (weights, slots, gradients, { learningRate }) =>
      updateEach(weights, gradients, (name, w, g) => {
        const square = tf.add(tf.mul(slotOf(slots, 'square', name), decay), tf.mul(tf.square(g), 1 - decay));
        const move = tf.div(tf.mul(g, learningRate), tf.sqrt(tf.add(square, epsilon)));
        const velocity = tf.add(tf.mul(slotOf(slots, 'velocity', name), mu), move);
        return [tf.sub(w, velocity), { velocity, square }];
      }),
  };
}
