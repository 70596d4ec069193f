import * as tf from '@tensorflow/tfjs';
import type { Weights } from '../contracts/parameters.js';

/** Euclidean norm of all tensors taken as one vector; a scalar that the caller owns. */
export function globalNorm(tensors: Weights): tf.Scalar {
  return tf.tidy(() => tf.sqrt(tf.addN(Object.values(tensors).map((x) => tf.sum(tf.square(x))))) as tf.Scalar);
}

/**
 * Scales all gradients by min(1, limit / ‖g‖), ‖g‖ being the norm over all parameters together (Pascanu, Mikolov, Bengio
 * 2013, algorithm 1). Gradients within the limit keep their bits.
 *
 * @param limit largest norm, `null` for none
 * @returns the norm before clipping and new gradients; the caller owns both, and still owns the ones it gave
 */
export function clipByGlobalNorm(
  gradients: Weights,
  limit: number | null,
): { norm: tf.Scalar; gradients: Record<string, tf.Tensor> } {
  return tf.tidy(() => {
    const norm = globalNorm(gradients);
    // A norm of zero divides to infinity, and the minimum makes that 1.
    const factor = limit === null ? undefined : tf.minimum(1, tf.div(limit, norm));
    const clipped: Record<string, tf.Tensor> = {};
    for (const [name, gradient] of Object.entries(gradients))
      clipped[name] = factor === undefined ? gradient.clone() : tf.mul(gradient, factor);
    return { norm, gradients: clipped };
  });
}
