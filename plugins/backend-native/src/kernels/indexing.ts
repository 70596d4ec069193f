import * as tf from '@tensorflow/tfjs';
import { isNumeric, type NumericType } from '../native-backend.js';
import type { Kernel } from './registry.js';
import { axesOf, mostElements, sizeOf } from './shapes.js';

const gather: Kernel = ({ inputs, attrs, backend, addon }) => {
  const x = inputs.x!;
  const indices = inputs.indices!;
  if (x.dtype !== 'float32') return undefined;
  const { batchSize, outerSize, dimSize, sliceSize, outputShape } =
    tf.backend_util.segment_util.collectGatherOpShapeInfo(
      x as tf.Tensor,
      indices as tf.Tensor,
      axesOf(attrs.axis, x.shape)[0]!,
      (attrs.batchDims as number | undefined) ?? 0,
    );
  if ([sizeOf(x.shape), sizeOf(outputShape), sizeOf(indices.shape)].some((size) => size === 0 || size > mostElements))
    return undefined;
  const source = backend.floats(x);
  const places = backend.ints(indices);
  const out = backend.output(outputShape, 'float32');
  const target = backend.floats(out);
  const count = places.length / batchSize;
  if (addon.gather(batchSize, outerSize, dimSize, sliceSize, count, source, places, target)) return out;
  // tfjs's kernel says which index is out of range.
  backend.release(out);
  return undefined;
};

/** Rows of a sum to one that is added up from which on the others are kept track of as zero. */
const leastZeros = 8;

/** Rows with a negative or too large number are left out, as in TensorFlow; tfjs takes a pass over x for each segment. */
const unsortedSegmentSum: Kernel = ({ inputs, attrs, backend, addon }) => {
  const x = inputs.x!;
  const ids = inputs.segmentIds!;
  const rows = x.shape[0]!;
  if (x.dtype !== 'float32' || ids.shape.length !== 1 || ids.shape[0] !== rows) return undefined;
  const segments = attrs.numSegments as number;
  const row = x.shape.slice(1);
  const width = sizeOf(row);
  if (rows * width > mostElements || segments * width > mostElements) return undefined;
  const values = backend.floats(x);
  const numbers = backend.ints(ids);
  const shape = [segments, ...row];
  // Where few rows are written, those who read the sum need not look at the others.
  const few = width > 0 && rows * leastZeros <= segments;
  const out = few
    ? backend.zerosBut(shape, { width, rows: rowsOf(backend.look(ids) as Int32Array, segments) })
    : backend.output(shape, 'float32');
  addon.segmentSum(rows, width, segments, values, numbers, backend.floats(out), few);
  return out;
};

/** Each row once, ascending; rows that are not there are left out. */
function rowsOf(numbers: Int32Array, segments: number): Int32Array {
  const sorted = numbers.toSorted();
  return sorted.filter((row, i) => row >= 0 && row < segments && row !== sorted[i - 1]);
}

/** The type is the one asked for; tfjs's holds floats whatever it is labelled. */
const oneHot: Kernel = ({ inputs, attrs, backend }) => {
  const indices = inputs.indices!;
  const { depth, onValue, offValue } = attrs as { depth: number; onValue: number; offValue: number };
  const dtype = attrs.dtype as NumericType;
  if (indices.dtype !== 'int32' || !isNumeric({ ...indices, dtype })) return undefined;
  const places = backend.ints(indices);
  const out = backend.output([...indices.shape, depth], dtype);
  backend.wait();
  const target = backend.view(out).fill(offValue);
  for (let i = 0; i < places.length; i++) {
    const place = places[i]!;
    if (place >= 0 && place < depth) target[i * depth + place] = onValue;
  }
  return out;
};

export const indexingKernels: Readonly<Record<string, Kernel>> = {
  GatherV2: gather,
  OneHot: oneHot,
  UnsortedSegmentSum: unsortedSegmentSum,
};
