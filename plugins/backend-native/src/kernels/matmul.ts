import * as tf from '@tensorflow/tfjs';
import { type UnaryOperation, unaryOperations } from '../addon-types.js';
import type { NativeBackend } from '../native-backend.js';
import type { Kernel, KernelCall } from './registry.js';
import { mostElements, pairOf, sizeOf } from './shapes.js';

/** A product of (stacks of) matrices: [..., m, k] x [..., k, n], each side perhaps stored transposed. */
interface Product {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly outer: readonly number[];
}

/** `undefined` where the inner sizes differ, which tfjs's kernel reports, or where there are too many elements. */
function plan(
  a: readonly number[],
  b: readonly number[],
  transposeA: boolean,
  transposeB: boolean,
): Product | undefined {
  const [aRows, aColumns] = a.slice(-2) as [number, number];
  const [bRows, bColumns] = b.slice(-2) as [number, number];
  const [m, k] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const [inner, n] = transposeB ? [bColumns, bRows] : [bRows, bColumns];
  if (inner !== k) return undefined;
  const outer = tf.backend_util.assertAndGetBroadcastShape(a.slice(0, -2), b.slice(0, -2));
  if ([sizeOf(a), sizeOf(b), sizeOf(outer) * m * n].some((size) => size > mostElements)) return undefined;
  return { m, k, n, outer };
}

function product(
  backend: NativeBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
): tf.TensorInfo | undefined {
  if (a.dtype !== 'float32' || b.dtype !== 'float32') return undefined;
  const planned = plan(a.shape, b.shape, transposeA, transposeB);
  if (planned === undefined) return undefined;
  const { m, k, n, outer } = planned;
  const left = backend.floats(a);
  const right = backend.floats(b);
  const out = backend.output([...outer, m, n], 'float32');
  const target = backend.floats(out);
  const { addon } = backend;
  const stack = sizeOf(outer);
  if (!transposeA && right.length === k * n && left.length === stack * m * k) {
    // One matrix for the whole stack: its rows go below each other.
    addon.gemm(false, transposeB, stack * m, n, k, left, right, target, false);
    return out;
  }
  const aOf = places(a.shape.slice(0, -2), outer);
  const bOf = places(b.shape.slice(0, -2), outer);
  for (let i = 0; i < stack; i++) {
    const x = left.subarray(aOf[i]! * m * k);
    const y = right.subarray(bOf[i]! * k * n);
    addon.gemm(transposeA, transposeB, m, n, k, x, y, target.subarray(i * m * n), false);
  }
  return out;
}

/** For each row-major position of `outer`, the position in the smaller `shape` broadcast to it. */
function places(shape: readonly number[], outer: readonly number[]): Int32Array {
  const positions = new Int32Array(sizeOf(outer));
  const lead = outer.length - shape.length;
  for (let i = 0; i < positions.length; i++) {
    let rest = i;
    let stride = 1;
    for (let axis = outer.length - 1; axis >= lead; axis--) {
      const place = rest % outer[axis]!;
      rest = (rest - place) / outer[axis]!;
      if (shape[axis - lead] !== 1) positions[i]! += place * stride;
      stride *= shape[axis - lead]!;
    }
  }
  return positions;
}

const batchMatMul: Kernel = ({ inputs, attrs, backend }) =>
  product(backend, inputs.a!, inputs.b!, attrs.transposeA === true, attrs.transposeB === true);

const activations: Readonly<Record<string, UnaryOperation>> = {
  relu: 'relu',
  relu6: 'relu6',
  elu: 'elu',
  leakyrelu: 'leakyRelu',
  sigmoid: 'sigmoid',
};

/** Product, bias and activation, the last two in place. */
const fusedMatMul: Kernel = ({ inputs, attrs, backend, addon }: KernelCall) => {
  const bias = inputs.bias as tf.TensorInfo | undefined | null;
  const activation = (attrs.activation as string | undefined | null) ?? 'linear';
  const operation = activations[activation];
  if (operation === undefined && activation !== 'linear') return undefined;
  if (bias != null && bias.dtype !== 'float32') return undefined;
  const out = product(backend, inputs.a!, inputs.b!, attrs.transposeA === true, attrs.transposeB === true);
  if (out === undefined) return undefined;
  const target = backend.floats(out);
  if (bias != null) {
    const shape = tf.backend_util.assertAndGetBroadcastShape(out.shape, bias.shape);
    // A bias that is larger than the product makes another shape.
    if (!tf.util.arraysEqual(shape, out.shape)) {
      backend.release(out);
      return undefined;
    }
    addon.binary(0, pairOf(out.shape, bias.shape), target, backend.floats(bias), target);
  }
  if (operation !== undefined)
    addon.unary(
      unaryOperations.indexOf(operation),
      target.length,
      target,
      target,
      (attrs.leakyreluAlpha as number) ?? 0,
      0,
    );
  return out;
};

export const matrixKernels: Readonly<Record<string, Kernel>> = { BatchMatMul: batchMatMul, _FusedMatMul: fusedMatMul };
