import type { Perturbation, PerturbContext } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

/**
 * Noise that only the backward pass sees: the recurrent products keep their value, while the gradient with respect to
 * the operand is taken at W̃. The gradient with respect to W stays operandᵀ · ∂L/∂a.
 *
 * @param draw noise by stream name, of the weight's shape `[r, c]` or `[T, r, c]`
 */
export function backwardOnly(
  { model }: PerturbContext,
  multiplicative: boolean,
  draw: (name: string, shape: readonly number[]) => tf.Tensor,
): Perturbation[] {
  return model.layers.map(({ recurrentWeights }, layer): Perturbation => {
    // By the first of the columns in which the weight's product stands.
    const noise = new Map<number, readonly tf.Tensor[]>();
    let first = 0;
    for (const { name, shape } of recurrentWeights) {
      const delta = draw(`weights.recurrent-${layer}-${name}`, shape);
      noise.set(first, delta.rank === 3 ? tf.unstack(delta, 0) : [delta]);
      first += shape[1]!;
    }
    return {
      site: 'preactivation.recurrent',
      layer,
      kind: 'map',
      map(product, { t, operand, weight, columns = [0, first] }) {
        const draws = noise.get(columns[0])!;
        const drawn = draws.length === 1 ? draws[0]! : draws[t!]!;
        return withDelta(product, operand!, multiplicative ? tf.mul(weight!, drawn) : drawn);
      },
    };
  });
}

/** The product unchanged; backward, ∂L/∂operand gains ∂L/∂product · Δᵀ. */
function withDelta(product: tf.Tensor, operand: tf.Tensor, delta: tf.Tensor): tf.Tensor {
  const op = tf.customGrad((...inputs) => {
    const save = inputs[2] as unknown as (tensors: tf.Tensor[]) => void;
    save([delta]);
    return {
      value: tf.clone(inputs[0] as tf.Tensor),
      gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) => [dy, tf.matMul(dy, saved!, false, true)],
    };
  });
  return op(product, operand);
}
