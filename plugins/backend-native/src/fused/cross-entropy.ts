import type { FusedKernels } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { OutputAddon } from './addon.js';
import type { Kept, Memory } from './memory.js';
import { noSecondDerivative, toTensor } from './tape.js';

/**
 * `FusedKernels.linearCrossEntropy` over the addon. Logits are kept for the backward pass only while gradients are recorded;
 * probabilities and one-hot labels are never stored. Labels other than int32 are left to the composed path.
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
    const layer = (h: tf.Tensor, v: tf.Tensor, b: tf.Tensor) =>
      [rows, inputs, outputs, store.floats(h), store.floats(v), store.floats(b)] as const;
    const forward = (logits: Kept | undefined, normalizer: Kept) => {
      const nll = store.result([rows]);
      const at = store.ints(labels);
      addon.softmaxLoss(...layer(hidden, weight, bias), at, nll.array, normalizer.array, logits?.array ?? null);
      return toTensor(nll) as tf.Tensor1D;
    };
    if (!tf.engine().isTapeOn()) {
      const normalizer = store.keep(rows);
      const nll = forward(undefined, normalizer);
      store.release(normalizer);
      return nll;
    }
    return tf.customGrad((...all) => {
      const save = all.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
      let kept: readonly [logits: Kept, normalizer: Kept] | undefined = [store.keep(rows * outputs), store.keep(rows)];
      const value = forward(...kept);
      save([hidden, weight, bias, labels]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
        if (kept === undefined || tf.engine().isTapeOn()) throw noSecondDerivative('cross-entropy');
        const [h, v, b, y] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
        const [logits, normalizer] = kept;
        const gradients = [h, v, b].map(({ shape }) => store.result(shape));
        addon.softmaxLossGradient(
          ...layer(h, v, b),
          store.ints(y),
          normalizer.array,
          logits.array,
          store.floats(dy),
          gradients[0]!.array,
          gradients[1]!.array,
          gradients[2]!.array,
        );
        kept.forEach((each) => {
          store.release(each);
        });
        kept = undefined;
        return gradients.map(toTensor);
      };
      return { value, gradFunc: gradFunc as never };
    })(hidden, weight, bias) as tf.Tensor1D;
  };
}
