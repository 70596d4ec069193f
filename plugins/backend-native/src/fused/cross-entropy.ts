import type { FusedKernels } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { OutputAddon } from './addon.js';
import type { Kept, Memory } from './memory.js';
import { noSecondDerivative, toTensor } from './tape.js';

/**
 * `FusedKernels.linearCrossEntropy` over the addon. Exponentials of the logits are kept for the backward pass only while gradients are recorded;
 * one-hot labels are never stored. Labels other than int32 are left to the composed path.
 *
 * Errors: RNNX_OPTION_INVALID where a second derivative is asked for; RNNX_NATIVE_ARGUMENT for a label out of range.
 */
export function createLinearCrossEntropy(
  addon: OutputAddon,
  store: Memory,
): NonNullable<FusedKernels['linearCrossEntropy']> {
  return (hidden, weight, bias, labels) => {
    if (labels.dtype !== 'int32') return undefined;
    const [rows, inputs] = hidden.shape;
    const [outputs] = weight.shape;
    const forward = (kept: Kept | undefined) => {
      const nll = store.result([rows]);
      addon.softmaxLoss(
        rows,
        inputs,
        outputs,
        store.floats(hidden),
        store.floats(weight),
        store.floats(bias),
        store.ints(labels),
        nll.array,
        kept?.array ?? null,
      );
      return toTensor(nll) as tf.Tensor1D;
    };
    if (!tf.engine().isTapeOn()) return forward(undefined);
    return tf.customGrad((...all) => {
      const save = all.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
      let kept: Kept | undefined = store.keep(addon.softmaxLossMemory(rows, outputs));
      const value = forward(kept);
      save([hidden, weight, bias, labels]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
        if (kept === undefined || tf.engine().isTapeOn()) throw noSecondDerivative('cross-entropy');
        const [h, v, b, y] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
        const gradients = [h, v, b].map(({ shape }) => store.result(shape));
        addon.softmaxLossGradient(
          rows,
          inputs,
          outputs,
          store.floats(h),
          store.floats(v),
          store.ints(y),
          kept.array,
          store.floats(dy),
          gradients[0]!.array,
          gradients[1]!.array,
          gradients[2]!.array,
        );
        store.release(kept);
        kept = undefined;
        return gradients.map(toTensor);
      };
      return { value, gradFunc: gradFunc as never };
    })(hidden, weight, bias) as tf.Tensor1D;
  };
}
