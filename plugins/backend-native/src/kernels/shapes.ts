import * as tf from '@tensorflow/tfjs';

/** The addon's limits: axes of broadcasts and of copied blocks, and elements of a tensor. */
export const mostAxes = 8;
export const mostBlockAxes = 12;
export const mostElements = 2 ** 31 - 1;

const shapes = new Int32Array(1 + 2 * mostAxes);
const layout = new Int32Array(3 + 3 * mostBlockAxes);

export const sizeOf = (shape: readonly number[]): number => {
  let size = 1;
  for (const length of shape) size *= length;
  return size;
};

/** Two shapes as the addon's broadcasting functions take them; valid until the next call. */
export function pairOf(a: readonly number[], b: readonly number[]): Int32Array {
  const rank = Math.max(a.length, b.length, 1);
  shapes[0] = rank;
  for (let axis = 1; axis <= rank; axis++) {
    shapes[1 + rank - axis] = a[a.length - axis] ?? 1;
    shapes[1 + 2 * rank - axis] = b[b.length - axis] ?? 1;
  }
  return shapes;
}

/** The shape of a result, or `undefined` where the addon cannot compute it. Throws what tfjs throws if they do not fit. */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] | undefined {
  const same = a.length === b.length && a.every((length, axis) => length === b[axis]);
  const shape = same ? [...a] : tf.backend_util.assertAndGetBroadcastShape([...a], [...b]);
  return shape.length <= mostAxes && sizeOf(shape) <= mostElements ? shape : undefined;
}

/** Where the elements of a block lie in a flat array. */
export interface Layout {
  readonly start: number;
  /** Distance between neighbours along each axis; 0 repeats an element, a negative one goes backwards. */
  readonly strides: readonly number[];
}

/** A block between two layouts as the addon's copying functions take it; valid until the next call. */
export function blockOf(size: readonly number[], from: Layout, to: Layout): Int32Array {
  const rank = size.length;
  layout[0] = rank;
  layout[1] = from.start;
  layout[2] = to.start;
  for (let axis = 0; axis < rank; axis++) {
    layout[3 + axis] = size[axis]!;
    layout[3 + rank + axis] = from.strides[axis]!;
    layout[3 + 2 * rank + axis] = to.strides[axis]!;
  }
  return layout;
}

/** Row-major strides: `[12, 4, 1]` for `[2, 3, 4]`. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  for (let axis = shape.length - 1, stride = 1; axis >= 0; axis--) {
    // A stride of 0 would say that elements repeat, which for an empty tensor is not so.
    strides[axis] = stride;
    stride *= Math.max(shape[axis]!, 1);
  }
  return strides;
}

/** An axis or axes as non-negative numbers in ascending order. */
export function axesOf(axis: unknown, shape: readonly number[]): number[] {
  return tf.util.parseAxisParam(axis as number | number[], shape as number[]).sort((left, right) => left - right);
}
