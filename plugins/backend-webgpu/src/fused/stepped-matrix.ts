import * as tf from '@tensorflow/tfjs';
import type { Commands, Made } from '../commands.js';
import type { Pipelines } from '../pipelines.js';
import { gradientFields, type SteppedChain, steppedGradientProgram, steppedKey, steppedTile } from '../wgsl/stepped.js';

/** A matrix that perturbations make another one at each step. */
export interface SteppedMatrix {
  readonly chain: SteppedChain;
  /** Shape, start and strides of each perturbation's value; as `at.values`. */
  readonly table: readonly (readonly number[])[];
  readonly shapes: readonly (readonly number[])[];
  /** Of all perturbations, side by side. */
  readonly values: tf.Tensor;
  /** `[rows, width]` */
  readonly matrix: tf.Tensor;
}

/** Rows of numbers, one an example and step: where they start, and from one to the next. */
export interface Rows {
  readonly buffer: GPUBuffer;
  readonly start: number;
  readonly stride: number;
}

/** The products y_t = x_t · M_t of a gradient. */
export interface SteppedProducts {
  readonly steps: number;
  readonly batch: number;
  /** Each side for some of the matrix's columns; together they are all. */
  readonly parts: readonly { readonly x: Rows; readonly dy: Rows; readonly first: number; readonly columns: number }[];
}

/** A kernel's constants: fields, then the table. */
export function withTable(fields: readonly number[], table: readonly (readonly number[])[]): number[] {
  const padding = new Array<number>(-fields.length & 3).fill(0); // rows of the table stand at multiples of 16 bytes
  return [...fields, ...padding, ...table.flat()];
}

/**
 * Calls f with all values side by side: the one, or a tensor for as long as f runs. Memory of `Commands.scratch` would go round
 * where several kernels in turn send commands off.
 */
export function withTogether<T>(commands: Commands, values: readonly tf.Tensor[], f: (all: tf.Tensor) => T): T {
  if (values.length === 1) return f(values[0]!);
  const made = commands.make([values.reduce((sum, { size }) => sum + size, 0)]);
  let start = 0;
  for (const value of values) {
    commands.copy(commands.buffer(value), 0, made.buffer, start, value.size);
    start += value.size;
  }
  const all = commands.toTensor(made);
  const result = f(all);
  all.dispose();
  return result;
}

/**
 * The gradient of the matrix before its perturbations, or of the value of one of them.
 *
 * @returns `[rows, width]`, or of the value's shape
 */
export function steppedGradient(
  { commands, pipelines }: { readonly commands: Commands; readonly pipelines: Pipelines },
  { chain, table, shapes, values, matrix }: SteppedMatrix,
  { steps, batch, parts }: SteppedProducts,
  target?: number,
): tf.Tensor {
  const [rows, width] = matrix.shape as [number, number];
  const apart = target !== undefined && shapes[target]!.length === 3 && shapes[target]![0]! > 1;
  const made: Made = commands.make(target === undefined ? [rows, width] : [apart ? steps : 1, rows, width]);
  const key = `stepped gradient ${steppedKey(chain)} ${target}`;
  const kernel = pipelines.get(key, () => steppedGradientProgram(chain, target));
  for (const { x, dy, first, columns } of parts) {
    const fields: Record<(typeof gradientFields)[number], number> = {
      steps,
      batch,
      rows,
      columns,
      x_start: x.start,
      x_stride: x.stride,
      dy_start: dy.start,
      dy_stride: dy.stride,
      first,
      width,
      out_step: apart ? rows * width : 0,
    };
    const numbers = gradientFields.map((name) => fields[name]);
    const groups = [Math.ceil(columns / steppedTile), Math.ceil(rows / steppedTile), apart ? steps : 1] as const;
    commands.run(pipelines, kernel, withTable(numbers, table), groups, {
      x: x.buffer,
      dy: dy.buffer,
      weight: commands.buffer(matrix),
      values: commands.buffer(values),
      gradient: made.buffer,
    });
  }
  const gradient = commands.toTensor(made);
  if (target === undefined) return gradient;
  const summed = sumTo(shapes[target]!, gradient);
  if (summed !== gradient) gradient.dispose();
  return summed;
}

/** Adds up what a value of this shape was broadcast to; the gradient itself where nothing was. */
export function sumTo(shape: readonly number[], gradient: tf.Tensor): tf.Tensor {
  if (shape.length === 0) return tf.sum(gradient);
  return tf.tidy(() => {
    const whole = shape.length < gradient.rank ? [1, ...shape] : shape;
    const axes = gradient.shape.flatMap((n, axis) => (whole[axis] === 1 && n > 1 ? [axis] : []));
    const summed = axes.length === 0 ? gradient : tf.sum(gradient, axes, true);
    return tf.util.arraysEqual(summed.shape, [...shape]) ? summed : tf.reshape(summed, [...shape]);
  });
}
