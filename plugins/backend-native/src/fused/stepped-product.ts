import type { FusedKernels, SteppedPerturbation } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { SteppedAddon } from './addon.js';
import type { Memory } from './memory.js';
import { noSecondDerivative, tie, toTensor } from './tape.js';

// The numbers of native/sequence.h.
const kindNumbers = { scale: 0, shift: 1 } as const satisfies Record<SteppedPerturbation['kind'], number>;

/**
 * `FusedKernels.steppedProduct` over the addon: the matrix of a step is made where it is packed, and never lies in memory
 * with those of other steps. The values' gradients are worked out only where tfjs asks for them. Errors:
 * RNNX_OPTION_INVALID where a second derivative is asked for.
 */
export function createSteppedProduct(addon: SteppedAddon, store: Memory): NonNullable<FusedKernels['steppedProduct']> {
  return (x, matrix, perturbations, transposed) => {
    const [steps, batch] = x.shape;
    const [rows, columns] = matrix.shape;
    const table: number[] = [];
    for (const { kind, value } of perturbations) {
      const { shape } = value;
      if (shape.length === 1 || shape.length > 3) return undefined;
      table.push(kindNumbers[kind], ...new Array<number>(3 - shape.length).fill(1), ...shape);
    }
    const geometry = [steps, batch, rows, columns, perturbations.length, Int32Array.from(table)] as const;
    const given = perturbations.map(({ value }) => value);
    const arrays = (values: readonly tf.Tensor[]) => values.map((value) => store.floats(value));
    const multiply = (back: boolean, from: tf.Tensor, w: tf.Tensor, values: readonly tf.Tensor[]) => {
      const y = store.result([steps, batch, back ? rows : columns]);
      addon.steppedProduct(back, ...geometry, arrays(values), store.floats(w), store.floats(from), y.array);
      return toTensor(y);
    };
    if (!tf.engine().isTapeOn()) return multiply(transposed, x, matrix, given) as tf.Tensor3D;

    // What the gradients of the values need, should they be asked for.
    let later: { readonly saved: readonly tf.Tensor[]; readonly dy: Float32Array } | undefined;
    const gradients = (
      [from, w, ...values]: readonly tf.Tensor[],
      dy: Float32Array,
      targets: readonly (Float32Array | null)[],
      dMatrix: Float32Array | null,
    ) => {
      const sides = [store.floats(from!), dy] as const;
      const [left, right] = transposed ? [sides[1], sides[0]] : sides;
      addon.steppedProductGradient(...geometry, arrays(values), targets, store.floats(w!), left, right, dMatrix);
    };
    const learned = given.filter((_, i) => !perturbations[i]!.constant);
    const ties = tie(learned, () => {
      const results = perturbations.map(({ value, constant }) => (constant ? undefined : store.result(value.shape)));
      for (const result of results) if (result) store.clear(result.array);
      gradients(
        later!.saved,
        later!.dy,
        results.map((result) => result?.array ?? null),
        null,
      );
      return results.filter((result) => result !== undefined).map(toTensor);
    });
    return tf.customGrad((...inputs) => {
      const save = inputs.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
      save([x, matrix, ...given]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
        if (tf.engine().isTapeOn()) throw noSecondDerivative('product');
        const [, w, ...values] = saved;
        const dMatrix = store.result([rows, columns]);
        const none = values.map(() => null);
        gradients(saved, store.floats(dy), none, dMatrix.array);
        if (learned.length > 0) {
          const kept = store.keep(dy.size);
          store.repeat(store.floats(dy), dy.size, kept.array);
          later = { saved, dy: kept.array };
          // The ties' gradients come later within this backward pass, which is synchronous, or not at all.
          queueMicrotask(() => store.release(kept));
        }
        return [multiply(!transposed, dy, w!, values), toTensor(dMatrix), ...ties.map(() => tf.scalar(0))];
      };
      return { value: multiply(transposed, x, matrix, given), gradFunc: gradFunc as never };
    })(x, matrix, ...ties) as tf.Tensor3D;
  };
}
