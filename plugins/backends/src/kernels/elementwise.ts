import * as tf from '@tensorflow/tfjs';
import { isFloat } from './host.js';
import type { Kernel } from './registry.js';
import { rowMajor } from './strided.js';

/** One run of an operation; a stride of 0 repeats one element of that side. */
type Run = (
  a: Float32Array,
  i: number,
  aStride: number,
  b: Float32Array,
  j: number,
  bStride: number,
  out: Float32Array,
  start: number,
  count: number,
) => void;

// One loop an operation, so that the engine compiles each for itself.
const addRun: Run = (a, i, aStride, b, j, bStride, out, start, count) => {
  for (const end = start + count; start < end; start++, i += aStride, j += bStride) out[start] = a[i]! + b[j]!;
};
const subtractRun: Run = (a, i, aStride, b, j, bStride, out, start, count) => {
  for (const end = start + count; start < end; start++, i += aStride, j += bStride) out[start] = a[i]! - b[j]!;
};
const multiplyRun: Run = (a, i, aStride, b, j, bStride, out, start, count) => {
  for (const end = start + count; start < end; start++, i += aStride, j += bStride) out[start] = a[i]! * b[j]!;
};
const divideRun: Run = (a, i, aStride, b, j, bStride, out, start, count) => {
  for (const end = start + count; start < end; start++, i += aStride, j += bStride) out[start] = a[i]! / b[j]!;
};

export const add = broadcasting(addRun);
export const subtract = broadcasting(subtractRun);
export const multiply = broadcasting(multiplyRun);
export const divide = broadcasting(divideRun);

/** float32 with broadcasting; other types go to the stock kernel, which finds every element's place anew. */
function broadcasting(run: Run): Kernel {
  return ({ inputs, host }) => {
    const a = inputs.a!;
    const b = inputs.b!;
    if (!isFloat(a) || !isFloat(b)) return undefined;
    const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
    const out = host.output(shape, 'float32');
    const left = host.view(a) as Float32Array;
    const right = host.view(b) as Float32Array;
    const target = host.fill(out) as Float32Array;
    const axes = mergeAxes(shape, broadcastStrides(a.shape, shape), broadcastStrides(b.shape, shape));
    const inner = axes.pop() ?? { size: 1, a: 0, b: 0 };
    const rows = target.length / Math.max(inner.size, 1);
    const index = new Int32Array(axes.length);
    for (let row = 0, i = 0, j = 0; row < rows; row++) {
      run(left, i, inner.a, right, j, inner.b, target, row * inner.size, inner.size);
      for (let axis = axes.length - 1; axis >= 0; axis--) {
        const outer = axes[axis]!;
        i += outer.a;
        j += outer.b;
        index[axis]! += 1;
        if (index[axis]! < outer.size) break;
        index[axis] = 0;
        i -= outer.a * outer.size;
        j -= outer.b * outer.size;
      }
    }
    return out;
  };
}

/** Strides of a tensor seen at the broadcast shape: 0 along axes that it repeats. */
function broadcastStrides(shape: readonly number[], broadcast: readonly number[]): number[] {
  const own = rowMajor(shape);
  const lead = broadcast.length - shape.length;
  return broadcast.map((_, axis) => (axis < lead || shape[axis - lead] === 1 ? 0 : own[axis - lead]!));
}

interface Axis {
  size: number;
  a: number;
  b: number;
}

function mergeAxes(shape: readonly number[], a: readonly number[], b: readonly number[]): Axis[] {
  const axes: Axis[] = [];
  for (let i = 0; i < shape.length; i++) {
    if (shape[i] === 1) continue;
    const axis = { size: shape[i]!, a: a[i]!, b: b[i]! };
    const outer = axes.at(-1);
    if (outer !== undefined && outer.a === axis.a * axis.size && outer.b === axis.b * axis.size) {
      outer.size *= axis.size;
      outer.a = axis.a;
      outer.b = axis.b;
    } else axes.push(axis);
  }
  return axes;
}
