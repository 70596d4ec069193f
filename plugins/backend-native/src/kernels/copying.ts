import * as tf from '@tensorflow/tfjs';
import { isNumeric, type NativeBackend, type NumericType } from '../native-backend.js';
import type { Kernel, KernelCall } from './registry.js';
import { axesOf, blockOf, type Layout, mostBlockAxes, mostElements, rowMajor, sizeOf } from './shapes.js';

type Numeric = tf.TensorInfo & { dtype: NumericType };

/** Whether the addon takes tensors of these shapes. */
const fits = (...shapes: (readonly number[])[]): boolean =>
  shapes.every((shape) => shape.length <= mostBlockAxes && sizeOf(shape) <= mostElements);

/** Copies a block of the given size from one tensor of a dtype to another. */
function copyBlock(
  backend: NativeBackend,
  size: readonly number[],
  source: Numeric,
  from: Layout,
  target: tf.TensorInfo,
  to: Layout,
): void {
  const block = blockOf(size, from, to);
  const { addon } = backend;
  if (source.dtype === 'float32') addon.copyFloat(block, backend.floats(source), backend.floats(target));
  else if (source.dtype === 'int32') addon.copyInt(block, backend.ints(source), backend.ints(target));
  else addon.copyBool(block, backend.bools(source), backend.bools(target));
}

const slice: Kernel = ({ inputs, attrs, backend }) => {
  const x = inputs.x!;
  if (!isNumeric(x) || !fits(x.shape)) return undefined;
  const [begin, length] = tf.slice_util.parseSliceParams(
    x as tf.Tensor,
    attrs.begin as number | number[],
    attrs.size as number | number[],
  ) as [number[], number[]];
  tf.slice_util.assertParamsValid(x as tf.Tensor, begin, length);
  const strides = rowMajor(x.shape);
  const start = begin.reduce((sum, first, axis) => sum + first * strides[axis]!, 0);
  if (tf.slice_util.isSliceContinous(x.shape, begin, length)) return backend.part(x, start, length);
  const out = backend.output(length, x.dtype);
  copyBlock(backend, length, x, { start, strides }, out, { start: 0, strides: rowMajor(length) });
  return out;
};

/** The shape as rows before the axis, the axis, and the run behind it. */
function around(shape: readonly number[], axis: number): [rows: number, length: number, run: number] {
  return [sizeOf(shape.slice(0, axis)), shape[axis]!, sizeOf(shape.slice(axis + 1))];
}

/** Pieces along an axis, each with the elements `[offset, offset + width)` of it. */
function cut(
  { backend }: KernelCall,
  x: tf.TensorInfo,
  axis: number,
  widths: readonly number[],
  shapeOf: (width: number) => number[],
): tf.TensorInfo[] | undefined {
  if (!isNumeric(x) || !fits(x.shape)) return undefined;
  const [rows, length, run] = around(x.shape, axis);
  let offset = 0;
  return widths.map((width) => {
    const start = offset * run;
    offset += width;
    if (rows === 1) return backend.part(x, start, shapeOf(width));
    const out = backend.output(shapeOf(width), x.dtype);
    const [from, to] = [
      { start, strides: [length * run, 1] },
      { start: 0, strides: [Math.max(width * run, 1), 1] },
    ];
    copyBlock(backend, [rows, width * run], x, from, out, to);
    return out;
  });
}

const splitV: Kernel = (call) => {
  const x = call.inputs.x!;
  const axis = axesOf(call.attrs.axis, x.shape)[0]!;
  const widths = tf.backend_util.prepareSplitSize(
    x as tf.Tensor,
    call.attrs.numOrSizeSplits as number | number[],
    axis,
  );
  return cut(call, x, axis, widths, (width) => x.shape.with(axis, width));
};

const unpack: Kernel = (call) => {
  const x = call.inputs.value!;
  const axis = axesOf(call.attrs.axis, x.shape)[0]!;
  const widths = new Array<number>(x.shape[axis]!).fill(1);
  return cut(call, x, axis, widths, () => x.shape.toSpliced(axis, 1));
};

/** Puts tensors side by side along an axis; `shape` is the result's, `widths` the share of each. */
function join(
  { backend }: KernelCall,
  tensors: readonly tf.TensorInfo[],
  shape: readonly number[],
  axis: number,
  widths: readonly number[],
): tf.TensorInfo | undefined {
  const first = tensors[0]!;
  if (!isNumeric(first) || !fits(shape) || tensors.some((tensor) => tensor.dtype !== first.dtype)) return undefined;
  const [rows, length, run] = around(shape, axis);
  const out = backend.output(shape, first.dtype);
  let offset = 0;
  for (const [i, tensor] of tensors.entries()) {
    const width = widths[i]! * run;
    const [from, to] = [
      { start: 0, strides: [Math.max(width, 1), 1] },
      { start: offset, strides: [Math.max(length * run, 1), 1] },
    ];
    if (rows * width > 0) copyBlock(backend, [rows, width], tensor as Numeric, from, out, to);
    offset += width;
  }
  return out;
}

const concat: Kernel = (call) => {
  const tensors = Object.values(call.inputs);
  const shapes = tensors.map((tensor) => tensor.shape);
  const axis = axesOf(call.attrs.axis, shapes[0]!)[0]!;
  tf.backend_util.assertParamsConsistent(shapes, axis);
  const shape = tf.backend_util.computeOutShape(shapes, axis);
  return join(
    call,
    tensors,
    shape,
    axis,
    shapes.map((each) => each[axis]!),
  );
};

const pack: Kernel = (call) => {
  const tensors = Object.values(call.inputs);
  const shape = tensors[0]!.shape;
  if (tensors.some((tensor) => !tf.util.arraysEqual(tensor.shape, shape))) return undefined;
  const rank = shape.length + 1;
  const axis = ((call.attrs.axis as number) + rank) % rank;
  return join(
    call,
    tensors,
    shape.toSpliced(axis, 0, tensors.length),
    axis,
    tensors.map(() => 1),
  );
};

const pad: Kernel = ({ inputs, attrs, backend }) => {
  const x = inputs.x!;
  if (!isNumeric(x)) return undefined;
  const paddings = attrs.paddings as [number, number][];
  const shape = x.shape.map((length, axis) => length + paddings[axis]![0] + paddings[axis]![1]);
  if (!fits(shape)) return undefined;
  const out = backend.output(shape, x.dtype);
  const strides = rowMajor(shape);
  const start = paddings.reduce((sum, [before], axis) => sum + before * strides[axis]!, 0);
  backend.fill(out, attrs.constantValue as number);
  if (sizeOf(x.shape) > 0)
    copyBlock(backend, x.shape, x, { start: 0, strides: rowMajor(x.shape) }, out, { start, strides });
  return out;
};

/** A copy with the axes in another order; the caller has checked that it is numeric. */
export function transposed(backend: NativeBackend, x: tf.TensorInfo, order: readonly number[]): tf.TensorInfo {
  const shape = order.map((axis) => x.shape[axis]!);
  const from = rowMajor(x.shape);
  const out = backend.output(shape, (x as Numeric).dtype);
  const strides = order.map((axis) => from[axis]!);
  copyBlock(backend, shape, x as Numeric, { start: 0, strides }, out, { start: 0, strides: rowMajor(shape) });
  return out;
}

const transpose: Kernel = ({ inputs, attrs, backend }) => {
  const x = inputs.x!;
  if (!isNumeric(x) || !fits(x.shape)) return undefined;
  const order = attrs.perm as number[];
  const moved = order.filter((axis) => x.shape[axis] !== 1);
  if (moved.every((axis, i) => i === 0 || axis > moved[i - 1]!))
    return backend.share(
      x,
      order.map((axis) => x.shape[axis]!),
    );
  return transposed(backend, x, order);
};

const reverse: Kernel = ({ inputs, attrs, backend }) => {
  const x = inputs.x!;
  if (!isNumeric(x) || !fits(x.shape) || sizeOf(x.shape) === 0) return undefined;
  const axes = axesOf(attrs.dims, x.shape);
  if (x.shape.length === 0 || axes.length === 0) return backend.share(x, x.shape);
  const forward = rowMajor(x.shape);
  const strides = forward.map((stride, axis) => (axes.includes(axis) ? -stride : stride));
  const start = axes.reduce((sum, axis) => sum + forward[axis]! * (x.shape[axis]! - 1), 0);
  const out = backend.output(x.shape, x.dtype);
  copyBlock(backend, x.shape, x, { start, strides }, out, { start: 0, strides: forward });
  return out;
};

const tile: Kernel = ({ inputs, attrs, backend }) => {
  const x = inputs.x!;
  if (!isNumeric(x)) return undefined;
  const reps = attrs.reps as number[];
  const shape = x.shape.map((length, axis) => length * reps[axis]!);
  // Each axis becomes two: its repetitions, which do not move in the source, and itself.
  const block = x.shape.flatMap((length, axis) => [reps[axis]!, length]);
  if (!fits(block)) return undefined;
  const out = backend.output(shape, x.dtype);
  const strides = rowMajor(x.shape).flatMap((stride) => [0, stride]);
  copyBlock(backend, block, x, { start: 0, strides }, out, { start: 0, strides: rowMajor(block) });
  return out;
};

export const copyingKernels: Readonly<Record<string, Kernel>> = {
  Concat: concat,
  Pack: pack,
  PadV2: pad,
  Reverse: reverse,
  Slice: slice,
  SplitV: splitV,
  Tile: tile,
  Transpose: transpose,
  Unpack: unpack,
};
