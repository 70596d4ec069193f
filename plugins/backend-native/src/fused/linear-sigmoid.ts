import type { FusedKernels } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { SigmoidLossAddon } from '../addon-training-types.js';
import type { Kept, Memory } from './memory.js';
import { noSecondDerivative, toTensor } from './tape.js';

/**
 * `FusedKernels.linearSigmoid` over the addon. Logits are kept for the backward pass only while gradients are recorded.
 * Targets that are not float32 or have another shape than the outputs are left to the composed path.
 *
 * Errors: RNNX_OPTION_INVALID where a second derivative is asked for.
 */
export function createLinearSigmoid(
  addon: SigmoidLossAddon,
  store: Memory,
): NonNullable<FusedKernels['linearSigmoid']> {
  return (hidden, weight, bias, targets) => {
    const [rows, inputs] = hidden.shape;
    const [outputs] = weight.shape;
    if (targets.dtype !== 'float32' || !tf.util.arraysEqual(targets.shape, [rows, outputs])) return undefined;
    const layer = (h: tf.Tensor, v: tf.Tensor, b: tf.Tensor, y: tf.Tensor) =>
      [rows, inputs, outputs, store.floats(h), store.floats(v), store.floats(b), store.floats(y)] as const;
    const forward = (logits: Kept | undefined) => {
      const nll = store.result([rows]);
      addon.sigmoidLoss(...layer(hidden, weight, bias, targets), nll.array, logits?.array ?? null);
      return toTensor(nll) as tf.Tensor1D;
    };
    if (!tf.engine().isTapeOn()) return forward(undefined);
    return tf.customGrad((...all) => {
      const save = all.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
      let logits: Kept | undefined = store.keep(rows * outputs);
      const value = forward(logits);
      save([hidden, weight, bias, targets]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
        if (logits === undefined || tf.engine().isTapeOn()) throw noSecondDerivative('sigmoid loss');
        const [h, v, b, y] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
        const [dHidden, dWeight, dBias] = [store.result(h.shape), store.result(v.shape), store.result(b.shape)];
        addon.sigmoidLossGradient(
          ...layer(h, v, b, y),
          logits.array,
          store.floats(dy),
          dHidden.array,
          dWeight.array,
          dBias.array,
        );
        store.release(logits);
        logits = undefined;
        return [dHidden, dWeight, dBias].map(toTensor);
      };
      return { value, gradFunc: gradFunc as never };
    })(hidden, weight, bias) as tf.Tensor1D;
  };
}
