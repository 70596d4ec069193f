import { type Reduction, reductions } from '../addon-types.js';
import { transposed } from './copying.js';
import type { Kernel, KernelCall } from './registry.js';
import { axesOf, mostElements, sizeOf } from './shapes.js';

/** @param attribute under which the kernel gets its axes */
function reduce(operation: Reduction, attribute: 'axis' | 'reductionIndices'): Kernel {
  const which = reductions.indexOf(operation);
  return ({ inputs, attrs, backend, addon }: KernelCall) => {
    const x = inputs.x!;
    if (x.dtype !== 'float32' || sizeOf(x.shape) > mostElements) return undefined;
    const axes = axesOf(attrs[attribute], x.shape);
    const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
    const count = sizeOf(axes.map((axis) => x.shape[axis]!));
    // Of nothing there is no mean, and tfjs's kernels say what else there is.
    if (count === 0) return undefined;
    const shape = x.shape.flatMap((length, axis) => (!axes.includes(axis) ? [length] : attrs.keepDims ? [1] : []));
    const first = axes[0] ?? 0;
    const neighbours = axes.every((axis, i) => axis === first + i);
    const source = neighbours ? x : transposed(backend, x, [...kept, ...axes]);
    const inner = neighbours ? sizeOf(x.shape.slice(first + axes.length)) : 1;
    const values = backend.floats(source);
    const out = backend.output(shape, 'float32');
    addon.reduce(which, values.length / count / inner || 0, count, inner, values, backend.floats(out));
    if (!neighbours) backend.release(source);
    return out;
  };
}

/** Over the last axis, as all of tfjs's. */
const softmax: Kernel = ({ inputs, attrs, backend, addon }) => {
  const logits = inputs.logits!;
  const rank = logits.shape.length;
  const axis = attrs.dim as number;
  const size = sizeOf(logits.shape);
  if (logits.dtype !== 'float32' || rank === 0 || (axis !== -1 && axis !== rank - 1)) return undefined;
  if (size === 0 || size > mostElements) return undefined;
  const width = logits.shape[rank - 1]!;
  const values = backend.floats(logits);
  const out = backend.output(logits.shape, 'float32');
  addon.softmax(size / width, width, values, backend.floats(out));
  return out;
};

export const reducingKernels: Readonly<Record<string, Kernel>> = {
  Max: reduce('max', 'reductionIndices'),
  Mean: reduce('mean', 'axis'),
  Min: reduce('min', 'axis'),
  Softmax: softmax,
  Sum: reduce('sum', 'axis'),
};
