import * as tf from '@tensorflow/tfjs';
import { isNumeric, type Numbers } from './host.js';
import type { Kernel } from './registry.js';

/**
 * Sum of the rows of x [N, ...] that bear the same segment number, by one pass over x: O(size of x + size of result).
 * Rows with a negative or too large number are left out, as in TensorFlow.
 */
export const unsortedSegmentSum: Kernel = ({ inputs, attrs, host }) => {
  const x = inputs.x!;
  const ids = inputs.segmentIds!;
  if (!isNumeric(x) || x.dtype === 'bool' || ids.shape.length !== 1 || ids.shape[0] !== x.shape[0]) return undefined;
  const segments = attrs.numSegments as number;
  const row = x.shape.slice(1);
  const out = host.output([segments, ...row], x.dtype);
  addRows(host.view(x), host.view(ids), host.fill(out).fill(0), segments, tf.util.sizeFromShape(row));
  return out;
};

function addRows(rows: Numbers, ids: Numbers, sums: Numbers, segments: number, width: number): void {
  for (let i = 0, read = 0; i < ids.length; i++, read += width) {
    const id = ids[i]!;
    if (id < 0 || id >= segments) continue;
    const write = id * width;
    for (let j = 0; j < width; j++) sums[write + j]! += rows[read + j]!;
  }
}

export const gather: Kernel = ({ inputs, attrs, host }) => {
  const x = inputs.x!;
  const indices = inputs.indices!;
  if (!isNumeric(x)) return undefined;
  const axis = tf.util.parseAxisParam(attrs.axis as number, x.shape)[0]!;
  const info = tf.backend_util.segment_util.collectGatherOpShapeInfo(
    x as tf.Tensor,
    indices as tf.Tensor,
    axis,
    (attrs.batchDims as number | undefined) ?? 0,
  );
  const { batchSize, outerSize, dimSize, sliceSize, outputShape } = info;
  const out = host.output(outputShape, x.dtype);
  const places = host.view(indices);
  // The stock kernel says which index is out of range.
  if (places.some((place) => place < 0 || place >= dimSize)) {
    host.release(out);
    return undefined;
  }
  const source = host.view(x);
  const target = host.fill(out);
  const perBatch = places.length / batchSize;
  let write = 0;
  for (let batch = 0; batch < batchSize; batch++)
    for (let outer = 0; outer < outerSize; outer++)
      for (let i = 0; i < perBatch; i++, write += sliceSize) {
        const read = ((batch * outerSize + outer) * dimSize + places[batch * perBatch + i]!) * sliceSize;
        if (sliceSize === 1) target[write] = source[read]!;
        else target.set(source.subarray(read, read + sliceSize), write);
      }
  return out;
};
