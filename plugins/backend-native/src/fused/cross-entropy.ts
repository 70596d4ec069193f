import type { FusedKernels } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { type Addon, reductions } from '../addon-types.js';
import type { OutputAddon } from './addon.js';
import type { Kept, Memory } from './memory.js';
import { noSecondDerivative, toTensor } from './tape.js';

/** The arguments of both kernels. */
type Operands = [hidden: tf.Tensor2D, weight: tf.Tensor2D, bias: tf.Tensor1D, labels: tf.Tensor1D];

/**
 * `FusedKernels.linearCrossEntropy` and its sum over the addon. Exponentials of the logits are kept for the backward pass
 * only while gradients are recorded; one-hot labels are never stored. Labels other than int32 are left to the composed path.
 *
 * Errors: RNNX_OPTION_INVALID where a second derivative is asked for; RNNX_NATIVE_ARGUMENT for a label out of range.
 */
export function createLinearCrossEntropy(
  addon: OutputAddon & Pick<Addon, 'reduce'>,
  store: Memory,
): Required<Pick<FusedKernels, 'linearCrossEntropy' | 'linearCrossEntropySum'>> {
  const eachRow: Outcome = {
    loss(rows, fill) {
      const nll = store.result([rows]);
      fill(nll.array);
      return toTensor(nll);
    },
    gradientOfRows: (_rows, dy, use) => use(store.floats(dy)),
  };
  const sumOfRows: Outcome = {
    loss(rows, fill) {
      return store.borrow(rows, (nll) => {
        fill(nll);
        const sum = store.result([]);
        addon.reduce(reductions.indexOf('sum'), 1, rows, 1, nll, sum.array);
        return toTensor(sum);
      });
    },
    gradientOfRows: (rows, dy, use) =>
      store.borrow(rows, (each) => {
        store.repeat(store.floats(dy), 1, each);
        use(each);
      }),
  };
  const run = (outcome: Outcome, operands: Operands) => crossEntropy(addon, store, outcome, operands);
  return {
    linearCrossEntropy: (...operands) => run(eachRow, operands) as tf.Tensor1D | undefined,
    linearCrossEntropySum: (...operands) =>
      operands[0].size === 0 ? undefined : (run(sumOfRows, operands) as tf.Scalar | undefined),
  };
}

/** What is made of the losses of the rows. */
interface Outcome {
  loss(rows: number, fill: (nll: Float32Array) => void): tf.Tensor;
  gradientOfRows(rows: number, dy: tf.Tensor, use: (dy: Float32Array) => void): void;
}

function crossEntropy(addon: OutputAddon, store: Memory, outcome: Outcome, operands: Operands): tf.Tensor | undefined {
  const [hidden, weight, bias, labels] = operands;
  if (labels.dtype !== 'int32') return undefined;
  const [rows, inputs] = hidden.shape;
  const [outputs] = weight.shape;
  const forward = (kept: Kept | undefined) =>
    outcome.loss(rows, (nll) =>
      addon.softmaxLoss(
        rows,
        inputs,
        outputs,
        store.floats(hidden),
        store.floats(weight),
        store.floats(bias),
        store.ints(labels),
        nll,
        kept?.array ?? null,
      ),
    );
  if (!tf.engine().isTapeOn()) return forward(undefined);
  return tf.customGrad((...all) => {
    const save = all.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
    let kept: Kept | undefined = store.keep(addon.softmaxLossMemory(rows, outputs));
    const value = forward(kept);
    save(operands);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const memory = kept;
      if (memory === undefined || tf.engine().isTapeOn()) throw noSecondDerivative('cross-entropy');
      const [h, v, b, y] = saved as Operands;
      const gradients = [h, v, b].map(({ shape }) => store.result(shape));
      outcome.gradientOfRows(rows, dy, (each) =>
        addon.softmaxLossGradient(
          rows,
          inputs,
          outputs,
          store.floats(h),
          store.floats(v),
          store.ints(y),
          memory.array,
          each,
          gradients[0]!.array,
          gradients[1]!.array,
          gradients[2]!.array,
        ),
      );
      store.release(memory);
      kept = undefined;
      return gradients.map(toTensor);
    };
    return { value, gradFunc: gradFunc as never };
  })(hidden, weight, bias);
}
