import type { FusedKernels } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { GatedAddon } from './addon.js';
import type { Memory } from './memory.js';
import { noSecondDerivative, toTensor } from './tape.js';

/**
 * `FusedKernels.gatedProduct` over the addon: the weight's columns of each gate are read where they lie, and the product's
 * written there. Masks that are learned are left to the composed path. Errors: RNNX_OPTION_INVALID where a second derivative is asked for.
 */
export function createGatedProduct(addon: GatedAddon, store: Memory): NonNullable<FusedKernels['gatedProduct']> {
  return (x, masks, weight, learned) => {
    const [steps, batch, inputs] = x.shape;
    const [maskSteps, maskBatch, gates, maskInputs] = masks.shape;
    const columns = weight.shape[1];
    if (learned || x.dtype !== 'float32' || columns % gates !== 0) return undefined;
    const shape = Int32Array.of(maskSteps, maskBatch, maskInputs);
    const geometry = [steps, batch, inputs, gates, columns / gates, shape] as const;
    const multiply = (): tf.Tensor => {
      const y = store.result([steps, batch, columns]);
      addon.gatedProduct(...geometry, store.floats(masks), store.floats(weight), store.floats(x), y.array);
      return toTensor(y);
    };
    if (!tf.engine().isTapeOn()) return multiply() as tf.Tensor3D;
    return tf.customGrad((...inputs) => {
      const save = inputs.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
      save([x, masks, weight]);
      const gradFunc = (dy: tf.Tensor, [from, m, w]: tf.Tensor[]): tf.Tensor[] => {
        if (tf.engine().isTapeOn()) throw noSecondDerivative('product');
        const [dx, dWeight] = [store.result(x.shape), store.result(weight.shape)];
        addon.gatedProductGradient(
          ...geometry,
          store.floats(m!),
          store.floats(w!),
          store.floats(from!),
          store.floats(dy),
          dx.array,
          dWeight.array,
        );
        return [toTensor(dx), toTensor(dWeight)];
      };
      return { value: multiply(), gradFunc: gradFunc as never };
    })(x, weight) as tf.Tensor3D;
  };
}
