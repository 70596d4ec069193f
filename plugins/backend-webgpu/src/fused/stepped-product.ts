import type { FusedKernels, SteppedPerturbation } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { Commands } from '../commands.js';
import type { Pipelines } from '../pipelines.js';
import { type SteppedChain, steppedKey, steppedProductProgram, steppedTile } from '../wgsl/stepped.js';
import { valueRow } from './layout.js';
import {
  type SteppedMatrix,
  type SteppedProducts,
  steppedGradient,
  withTable,
  withTogether,
} from './stepped-matrix.js';
import { noSecondDerivative, tie } from './tape.js';

/**
 * `FusedKernels.steppedProduct`: one kernel makes of the matrix that of each step where it reads it; another adds up the
 * matrix's gradient. The values' gradients are worked out only where tfjs asks for them. Errors: RNNX_OPTION_INVALID where a
 * second derivative is asked for.
 */
export function createSteppedProduct(
  commands: Commands,
  pipelines: Pipelines,
): NonNullable<FusedKernels['steppedProduct']> {
  const device = { commands, pipelines };

  const multiply = (transposed: boolean, x: tf.Tensor, stepped: SteppedMatrix): tf.Tensor => {
    const [steps, batch] = x.shape as [number, number];
    const [rows, columns] = stepped.matrix.shape as [number, number];
    const width = transposed ? rows : columns;
    const made = commands.make([steps, batch, width]);
    const key = `stepped product ${transposed} ${steppedKey(stepped.chain)}`;
    const kernel = pipelines.get(key, () => steppedProductProgram(stepped.chain, transposed));
    const groups = [Math.ceil(width / steppedTile), Math.ceil(batch / steppedTile), steps];
    commands.run(pipelines, kernel, withTable([batch, rows, columns], stepped.table), groups, {
      x: commands.buffer(x),
      weight: commands.buffer(stepped.matrix),
      values: commands.buffer(stepped.values),
      y: made.buffer,
    });
    return commands.toTensor(made);
  };

  return (x, matrix, perturbations, transposed) => {
    const [steps, batch] = x.shape;
    const [rows, columns] = matrix.shape;
    const groups = commands.device.limits.maxComputeWorkgroupsPerDimension;
    const largest = Math.max(steps * batch * Math.max(rows, columns), largestOf(perturbations, steps * rows * columns));
    if (perturbations.some(({ value }) => value.rank === 1 || value.rank > 3)) return undefined;
    if (largest > commands.mostNumbers || steps > groups) return undefined;
    const given = [x, matrix, ...perturbations.map(({ value }) => value)].map((each) => commands.asFloats(each));
    const places = placesOf(perturbations);
    const withStepped = <T>(matrix: tf.Tensor, values: readonly tf.Tensor[], f: (stepped: SteppedMatrix) => T): T =>
      withTogether(commands, values, (all) => f({ ...places, values: all, matrix }));
    const [from, weight, ...values] = given as [tf.Tensor, tf.Tensor, ...tf.Tensor[]];
    const product = () => withStepped(weight, values, (stepped) => multiply(transposed, from, stepped));
    if (!tf.engine().isTapeOn()) return product() as tf.Tensor3D;

    const productsOf = (from: tf.Tensor, dy: tf.Tensor): SteppedProducts => {
      const side = (tensor: tf.Tensor, stride: number) => ({ buffer: commands.buffer(tensor), start: 0, stride });
      const [left, right] = transposed ? [dy, from] : [from, dy];
      return { steps, batch, parts: [{ x: side(left, rows), dy: side(right, columns), first: 0, columns }] };
    };
    const matrixGradient = (stepped: SteppedMatrix, from: tf.Tensor, dy: tf.Tensor): tf.Tensor => {
      if (perturbations.some(({ kind }) => kind !== 'shift'))
        return steppedGradient(device, stepped, productsOf(from, dy));
      // What is added to the matrix drops out: one product over all steps.
      const [left, right] = transposed ? [dy, from] : [from, dy];
      const flat = (each: tf.Tensor) => tf.reshape(each, [steps * batch, -1]) as tf.Tensor2D;
      return tf.tidy(() => tf.matMul(flat(left), flat(right), true, false));
    };
    // What the gradients of the values need, should they be asked for.
    let later: { readonly saved: readonly tf.Tensor[]; readonly dy: tf.Tensor } | undefined;
    const ties = tie(values, () => {
      const [from, w, ...values] = later!.saved as [tf.Tensor, tf.Tensor, ...tf.Tensor[]];
      return withStepped(w, values, (stepped) =>
        values.map((_, i) => steppedGradient(device, stepped, productsOf(from, later!.dy), i)),
      );
    });
    return tf.customGrad((...inputs) => {
      const save = inputs.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
      save(given);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
        if (tf.engine().isTapeOn()) throw noSecondDerivative('product');
        const [from, w, ...values] = saved as [tf.Tensor, tf.Tensor, ...tf.Tensor[]];
        const d = commands.asFloats(dy);
        const gradients = withStepped(w, values, (stepped) => [
          multiply(!transposed, d, stepped),
          matrixGradient(stepped, from, d),
          tf.scalar(0),
        ]);
        const kept = tf.keep(d.clone());
        later = { saved, dy: kept };
        // The ties' gradients come later within this backward pass, which is synchronous, or not at all.
        queueMicrotask(() => kept.dispose());
        return gradients;
      };
      return { value: product(), gradFunc: gradFunc as never };
    })(from, weight, ...ties) as tf.Tensor3D;
  };
}

/** Where each value starts among all, and the chain of all. */
function placesOf(perturbations: readonly SteppedPerturbation[]): Pick<SteppedMatrix, 'chain' | 'table' | 'shapes'> {
  const chain: SteppedChain = {
    items: perturbations.map(({ kind }, index) => ({ kind, index })),
    count: perturbations.length,
  };
  const shapes = perturbations.map(({ value }) => value.shape);
  let start = 0;
  const table = perturbations.map(({ value }) => {
    const row = valueRow({ shape: value.shape, start });
    start += value.size;
    return row;
  });
  return { chain, table, shapes };
}

/** Numbers of all values side by side, or of a gradient before what was broadcast is summed. */
function largestOf(perturbations: readonly SteppedPerturbation[], ofSteps: number): number {
  const stepwise = perturbations.some(({ value }) => value.rank === 3);
  return Math.max(
    perturbations.reduce((sum, { value }) => sum + value.size, 0),
    stepwise ? ofSteps : 0,
  );
}
