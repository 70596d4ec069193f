import * as tf from '@tensorflow/tfjs';
import { isFloat } from './host.js';
import type { Kernel, KernelCall } from './registry.js';

export const sum: Kernel = (call) => reduce(call, () => 1);
export const mean: Kernel = (call) => reduce(call, (count) => count);

/** Sums over neighbouring axes in doubles, divided; tfjs transposes the whole tensor unless the axes are the last. */
function reduce({ inputs, attrs, host }: KernelCall, divisor: (count: number) => number): tf.TensorInfo | undefined {
  const x = inputs.x!;
  if (!isFloat(x)) return undefined;
  const axes = tf.util.parseAxisParam(attrs.axis as number | number[], x.shape).sort((left, right) => left - right);
  const first = axes[0] ?? 0;
  if (axes.some((axis, i) => axis !== first + i)) return undefined;
  const end = first + axes.length;
  const outer = tf.util.sizeFromShape(x.shape.slice(0, first));
  const count = tf.util.sizeFromShape(x.shape.slice(first, end));
  const inner = tf.util.sizeFromShape(x.shape.slice(end));
  const shape = x.shape.flatMap((length, axis) => (axis < first || axis >= end ? [length] : attrs.keepDims ? [1] : []));
  const out = host.output(shape, 'float32');
  sumMiddle(host.view(x) as Float32Array, host.fill(out) as Float32Array, outer, count, inner, divisor(count));
  return out;
}

/** values [outer, count, inner] -> out [outer, inner] */
function sumMiddle(
  values: Float32Array,
  out: Float32Array,
  outer: number,
  count: number,
  inner: number,
  divisor: number,
): void {
  if (inner === 1) {
    for (let i = 0, read = 0; i < outer; i++) {
      let total = 0;
      for (const end = read + count; read < end; read++) total += values[read]!;
      out[i] = total / divisor;
    }
    return;
  }
  const totals = new Float64Array(inner);
  for (let i = 0, read = 0; i < outer; i++) {
    totals.fill(0);
    for (let p = 0; p < count; p++, read += inner) for (let j = 0; j < inner; j++) totals[j]! += values[read + j]!;
    for (let j = 0; j < inner; j++) out[i * inner + j] = totals[j]! / divisor;
  }
}

/** Over the last axis, in three passes over each row and no intermediate tensors. */
export const softmax: Kernel = ({ inputs, attrs, host }) => {
  const logits = inputs.logits!;
  const rank = logits.shape.length;
  const axis = attrs.dim as number;
  if (!isFloat(logits) || rank === 0 || (axis !== -1 && axis !== rank - 1)) return undefined;
  const out = host.output(logits.shape, 'float32');
  softmaxRows(host.view(logits) as Float32Array, host.fill(out) as Float32Array, logits.shape[rank - 1]!);
  return out;
};

function softmaxRows(values: Float32Array, out: Float32Array, width: number): void {
  for (let start = 0; start < values.length; start += width) {
    const end = start + width;
    let largest = Number.NEGATIVE_INFINITY;
    for (let i = start; i < end; i++) if (values[i]! > largest) largest = values[i]!;
    let total = 0;
    for (let i = start; i < end; i++) {
      const power = Math.exp(values[i]! - largest);
      out[i] = power;
      total += power;
    }
    for (let i = start; i < end; i++) out[i]! /= total;
  }
}
