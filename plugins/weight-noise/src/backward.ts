import { type Perturbation, type PerturbContext, RnnxError } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

/**
 * Noise that only the backward pass sees: the recurrent products keep their value, while the gradient with respect to
 * the operand is taken at W̃. The gradient with respect to W stays operandᵀ · ∂L/∂a.
 *
 * Errors: RNNX_OPTION_CONFLICT for a cell with two recurrent matrices of one shape, which a map cannot tell apart.
 *
 * @param draw noise by stream name, of the weight's shape `[r, c]` or `[T, r, c]`
 */
export function backwardOnly(
  { model }: PerturbContext,
  multiplicative: boolean,
  draw: (name: string, shape: readonly number[]) => tf.Tensor,
): Perturbation[] {
  return model.layers.map(({ recurrentWeights }, layer): Perturbation => {
    const noise = new Map<string, readonly tf.Tensor[]>();
    for (const { name, shape } of recurrentWeights) {
      if (noise.has(`${shape}`))
        throw new RnnxError('RNNX_OPTION_CONFLICT', 'Noise in the backward pass alone does not suit this cell', {
          got: `two recurrent weights of shape [${shape.join(', ')}]`,
          expected: 'recurrent weights of different shapes',
          remedy: 'set "pass" to "both"',
        });
      const delta = draw(`weights.recurrent-${layer}-${name}`, shape);
      noise.set(`${shape}`, delta.rank === 3 ? tf.unstack(delta, 0) : [delta]);
    }
    return {
      site: 'preactivation.recurrent',
      layer,
      kind: 'map',
      map(product, { t, operand, weight }) {
        const draws = noise.get(`${weight!.shape}`)!;
        const drawn = draws.length === 1 ? draws[0]! : draws[t!]!;
        return withDelta(product, operand!, multiplicative ? tf.mul(weight!, drawn) : drawn);
      },
    };
  });
}

/** The product unchanged; backward, ∂L/∂operand gains ∂L/∂product · Δᵀ. */
function withDelta(product: tf.Tensor, operand: tf.Tensor, delta: tf.Tensor): tf.Tensor {
  const op = tf.customGrad((...inputs) => ({
    value: tf.clone(inputs[0] as tf.Tensor),
    gradFunc: (dy: tf.Tensor) => [dy, tf.matMul(dy, delta, false, true)],
  }));
  return op(product, operand);
}
