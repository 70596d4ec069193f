import * as tf from '@tensorflow/tfjs';
import type { Commands } from '../commands.js';
import type { Pipelines } from '../pipelines.js';
import type { StartedBackend } from '../tfjs-backend.js';
import { largestGroups, largestProgram, productTile } from '../wgsl/matmul.js';
import { type ProductLayout, productKernel } from './product-choice.js';

/** Tiles that keep a large GPU busy; smaller products are left to tfjs, which shares them out more finely. */
const leastTiles = 32;

/** Takes the place of tfjs's BatchMatMul for large products of two matrices. */
export function largeProducts(theirs: tf.KernelFunc): tf.KernelFunc {
  return (params) => {
    const { a, b } = params.inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
    const attrs = params.attrs as unknown as { transposeA: boolean; transposeB: boolean };
    const backend = params.backend as StartedBackend;
    const made = product(backend, a, b, attrs.transposeA, attrs.transposeB);
    if (made !== undefined) return made;
    const [rows, depth] = attrs.transposeA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!];
    const columns = b.shape.at(attrs.transposeB ? -2 : -1)!;
    const mayBeCut = depth >= longInner && Math.ceil(rows / 32) * Math.ceil(columns / 32) <= fewTiles;
    return mayBeCut ? inOrder(() => theirs(params)) : theirs(params);
  };
}

/** tfjs may cut an inner dimension as long as this where the result has few tiles, and add the parts in any order. */
const longInner = 2000;
const fewTiles = 32;
/** tfjs's number for a program that does not. */
const smallOutputSize = 2;

function inOrder<T>(multiply: () => T): T {
  const flag = 'WEBGPU_MATMUL_PROGRAM_TYPE';
  const before = tf.env().getNumber(flag);
  tf.env().set(flag, smallOutputSize);
  try {
    return multiply();
  } finally {
    tf.env().set(flag, before);
  }
}

function product(
  { commands, pipelines, tensorMap, opened, products }: StartedBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
): tf.TensorInfo | undefined {
  if (a.shape.length !== 2 || b.shape.length !== 2) return undefined;
  if (tensorMap.get(a.dataId).dtype !== 'float32' || tensorMap.get(b.dataId).dtype !== 'float32') return undefined;
  const [rows, depth] = (transposeA ? [a.shape[1], a.shape[0]] : a.shape) as [number, number];
  const columns = b.shape[transposeB ? 0 : 1]!;
  const [across, down] = [Math.ceil(columns / productTile), Math.ceil(rows / productTile)];
  if (across * down < leastTiles || Math.max(across, down) > commands.device.limits.maxComputeWorkgroupsPerDimension)
    return undefined;
  const buffers = { a: commands.bufferOf(a), b: commands.bufferOf(b) };
  const layout: ProductLayout = `${transposeA ? 'T' : 'N'}${transposeB ? 'T' : 'N'}`;
  const kind = products[layout];
  const half = kind === 'f16' || kind === 'f16-sums';
  const largest = half ? largestOf(commands, pipelines, buffers, rows * depth, depth * columns) : undefined;
  const kernel = productKernel(pipelines, kind, layout, opened.info);
  const made = commands.make([rows, columns]);
  commands.run(pipelines, kernel, [rows, columns, depth], [across, down], { ...buffers, largest, c: made.buffer });
  return made.info;
}

/** Largest magnitude of each operand. */
function largestOf(
  commands: Commands,
  pipelines: Pipelines,
  operands: { readonly a: GPUBuffer; readonly b: GPUBuffer },
  sizeA: number,
  sizeB: number,
): GPUBuffer {
  const largest = commands.scratch(4);
  commands.clear(largest);
  const kernel = pipelines.get('largest', () => largestProgram);
  commands.run(pipelines, kernel, [sizeA, sizeB], [largestGroups, 2], { ...operands, largest });
  return largest;
}
