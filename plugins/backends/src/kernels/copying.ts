import * as tf from '@tensorflow/tfjs';
import { isNumeric } from './host.js';
import type { Kernel, KernelCall } from './registry.js';
import { copyBlock, rowMajor } from './strided.js';

const size = (shape: readonly number[]) => tf.util.sizeFromShape([...shape]);

/** Copies only the slice; tfjs's wasm kernel copies the whole input first, its cpu kernel goes element by element. */
export const slice: Kernel = ({ inputs, attrs, host }) => {
  const x = inputs.x!;
  if (!isNumeric(x)) return undefined;
  const [begin, length] = tf.slice_util.parseSliceParams(
    x as tf.Tensor,
    attrs.begin as number | number[],
    attrs.size as number | number[],
  );
  tf.slice_util.assertParamsValid(x as tf.Tensor, begin!, length!);
  const out = host.output(length!, x.dtype);
  const strides = rowMajor(x.shape);
  const start = begin!.reduce((sum, first, axis) => sum + first * strides[axis]!, 0);
  copyBlock(length!, host.view(x), { start, strides }, host.fill(out), { start: 0, strides: rowMajor(length!) });
  return out;
};

/** Pieces along an axis, each with the elements `[offset, offset + width)` of it. */
function cut(
  { host }: KernelCall,
  x: tf.TensorInfo,
  axis: number,
  widths: readonly number[],
  shapeOf: (width: number) => number[],
): tf.TensorInfo[] | undefined {
  if (!isNumeric(x)) return undefined;
  const { dtype } = x;
  const [rows, length, run] = around(x.shape, axis);
  const outs = widths.map((width) => host.output(shapeOf(width), dtype));
  const source = host.view(x);
  let offset = 0;
  for (const [i, width] of widths.entries()) {
    copyBlock([rows, width * run], source, { start: offset * run, strides: [length * run, 1] }, host.fill(outs[i]!), {
      start: 0,
      strides: [width * run, 1],
    });
    offset += width;
  }
  return outs;
}

/** The shape as rows before the axis, the axis, and the run behind it. */
function around(shape: readonly number[], axis: number): [rows: number, length: number, run: number] {
  return [size(shape.slice(0, axis)), shape[axis]!, size(shape.slice(axis + 1))];
}

export const splitV: Kernel = (call) => {
  const x = call.inputs.x!;
  const axis = tf.util.parseAxisParam(call.attrs.axis as number, x.shape)[0]!;
  const widths = tf.backend_util.prepareSplitSize(
    x as tf.Tensor,
    call.attrs.numOrSizeSplits as number | number[],
    axis,
  );
  return cut(call, x, axis, widths, (width) => x.shape.with(axis, width));
};

export const unpack: Kernel = (call) => {
  const x = call.inputs.value!;
  const axis = tf.util.parseAxisParam(call.attrs.axis as number, x.shape)[0]!;
  const widths = new Array<number>(x.shape[axis]!).fill(1);
  return cut(call, x, axis, widths, () => x.shape.toSpliced(axis, 1));
};

/** Puts tensors side by side along an axis; `shape` is the result's, `widths` the share of each. */
function join(
  { host }: KernelCall,
  tensors: readonly tf.TensorInfo[],
  shape: readonly number[],
  axis: number,
  widths: readonly number[],
): tf.TensorInfo | undefined {
  const first = tensors[0]!;
  if (!isNumeric(first) || tensors.some((tensor) => tensor.dtype !== first.dtype)) return undefined;
  const [rows, length, run] = around(shape, axis);
  const out = host.output(shape, first.dtype);
  const target = host.fill(out);
  let offset = 0;
  for (const [i, tensor] of tensors.entries()) {
    const width = widths[i]! * run;
    copyBlock([rows, width], host.view(tensor), { start: 0, strides: [width, 1] }, target, {
      start: offset,
      strides: [length * run, 1],
    });
    offset += width;
  }
  return out;
}

export const concat: Kernel = (call) => {
  const tensors = Object.values(call.inputs);
  const shapes = tensors.map((tensor) => tensor.shape);
  const axis = tf.util.parseAxisParam(call.attrs.axis as number, shapes[0]!)[0]!;
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

export const pack: Kernel = (call) => {
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

export const pad: Kernel = ({ inputs, attrs, host }) => {
  const x = inputs.x!;
  if (!isNumeric(x)) return undefined;
  const paddings = attrs.paddings as [number, number][];
  const shape = x.shape.map((length, axis) => length + paddings[axis]![0] + paddings[axis]![1]);
  const out = host.output(shape, x.dtype);
  const strides = rowMajor(shape);
  const start = paddings.reduce((sum, [before], axis) => sum + before * strides[axis]!, 0);
  const target = host.fill(out).fill(attrs.constantValue as number);
  copyBlock(x.shape, host.view(x), { start: 0, strides: rowMajor(x.shape) }, target, { start, strides });
  return out;
};

export const transpose: Kernel = ({ inputs, attrs, host }) => {
  const x = inputs.x!;
  if (!isNumeric(x)) return undefined;
  const order = attrs.perm as number[];
  const shape = order.map((axis) => x.shape[axis]!);
  const from = rowMajor(x.shape);
  const out = host.output(shape, x.dtype);
  copyBlock(shape, host.view(x), { start: 0, strides: order.map((axis) => from[axis]!) }, host.fill(out), {
    start: 0,
    strides: rowMajor(shape),
  });
  return out;
};

export const tile: Kernel = ({ inputs, attrs, host }) => {
  const x = inputs.x!;
  if (!isNumeric(x)) return undefined;
  const reps = attrs.reps as number[];
  const from = rowMajor(x.shape);
  const out = host.output(
    x.shape.map((length, axis) => length * reps[axis]!),
    x.dtype,
  );
  // Each axis becomes two: its repetitions, which do not move in the source, and itself.
  const block = x.shape.flatMap((length, axis) => [reps[axis]!, length]);
  copyBlock(block, host.view(x), { start: 0, strides: from.flatMap((stride) => [0, stride]) }, host.fill(out), {
    start: 0,
    strides: rowMajor(block),
  });
  return out;
};

/** Another name for the same elements; tfjs's wasm kernel copies, for every tensor that a gradient saves. */
export const identity: Kernel = ({ inputs, host }) => {
  const x = inputs.x!;
  return isNumeric(x) ? host.share(x, x.shape) : undefined;
};
