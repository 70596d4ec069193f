import type { Numbers } from './host.js';

/** Where the elements of a block lie in a flat array. */
export interface Layout {
  readonly start: number;
  /** Distance between neighbours along each axis; 0 repeats an element. */
  readonly strides: readonly number[];
}

/** Row-major strides: `[12, 4, 1]` for `[2, 3, 4]`. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  for (let axis = shape.length - 1, stride = 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** Below this many elements a loop beats `TypedArray.set`. */
const shortRun = 24;

/**
 * Copies a block of the given size between two layouts. Slicing, splitting, stacking, padding, tiling and transposing
 * are this one loop with different strides.
 */
export function copyBlock(size: readonly number[], source: Numbers, from: Layout, target: Numbers, to: Layout): void {
  const axes = mergeAxes(size, from.strides, to.strides);
  if (axes.some((axis) => axis.size === 0)) return;
  const inner = axes.pop() ?? { size: 1, from: 1, to: 1 };
  const index = new Int32Array(axes.length);
  let read = from.start;
  let write = to.start;
  for (;;) {
    if (inner.from === 1 && inner.to === 1 && inner.size >= shortRun)
      target.set(source.subarray(read, read + inner.size), write);
    else copyRun(inner.size, source, read, inner.from, target, write, inner.to);
    let axis = axes.length - 1;
    for (; axis >= 0; axis--) {
      const { size: length, from: fromStride, to: toStride } = axes[axis]!;
      read += fromStride;
      write += toStride;
      index[axis]! += 1;
      if (index[axis]! < length) break;
      index[axis] = 0;
      read -= fromStride * length;
      write -= toStride * length;
    }
    if (axis < 0) return;
  }
}

function copyRun(
  count: number,
  source: Numbers,
  read: number,
  readStride: number,
  target: Numbers,
  write: number,
  writeStride: number,
): void {
  for (let i = 0; i < count; i++) {
    target[write] = source[read]!;
    read += readStride;
    write += writeStride;
  }
}

interface Axis {
  size: number;
  from: number;
  to: number;
}

/** Drops axes of one element and joins neighbours that are one run in both layouts. */
function mergeAxes(size: readonly number[], from: readonly number[], to: readonly number[]): Axis[] {
  const axes: Axis[] = [];
  for (let i = 0; i < size.length; i++) {
    if (size[i] === 1) continue;
    const axis = { size: size[i]!, from: from[i]!, to: to[i]! };
    const outer = axes.at(-1);
    if (outer !== undefined && outer.from === axis.from * axis.size && outer.to === axis.to * axis.size) {
      outer.size *= axis.size;
      outer.from = axis.from;
      outer.to = axis.to;
    } else axes.push(axis);
  }
  return axes;
}
