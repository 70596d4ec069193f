import * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import * as copying from './copying.js';
import { fillFromCpu } from './fill.js';
import { type Host, isFloat, WasmHost } from './host.js';
import * as indexing from './indexing.js';
import { type Product, planProduct } from './matmul.js';
import * as reducing from './reducing.js';
import { type Kernel, type KernelCall, replaceKernels } from './registry.js';

type Run = KernelCall['run'];

/**
 * tfjs multiplies by XNNPACK, about 14 times as fast as its own loop, only where both sides are single matrices and
 * neither is transposed. This brings the other cases there; the gradient of every product is one of them.
 */
const batchMatMul: Kernel = ({ inputs, attrs, host, run }) => {
  const a = inputs.a!;
  const b = inputs.b!;
  if (!isFloat(a) || !isFloat(b)) return undefined;
  const transposeA = attrs.transposeA === true;
  const transposeB = attrs.transposeB === true;
  const plan = planProduct(a.shape, b.shape, transposeA, transposeB);
  if (plan === undefined) return undefined;
  const { m, k, n, shape } = plan;
  const count = plan.aOf.length;
  if (count * m * k * n === 0) {
    // tfjs returns whatever the memory held.
    const out = host.output(shape, 'float32');
    host.fill(out).fill(0);
    return out;
  }
  if (count === 1) {
    const left = host.share(a, a.shape.slice(-2));
    const right = host.share(b, b.shape.slice(-2));
    const product = multiply(left, right, plan, transposeA, transposeB, host, run);
    for (const each of [left, right]) host.release(each);
    return { ...product, shape };
  }
  // A stack times one matrix is one tall product.
  if (!transposeA && plan.bOf.every((at) => at === 0) && tf.util.sizeFromShape(a.shape) === count * m * k) {
    const left = host.share(a, [count * m, k]);
    const right = host.share(b, b.shape.slice(-2));
    const product = multiply(left, right, { m: count * m, k, n }, false, transposeB, host, run);
    for (const each of [left, right]) host.release(each);
    return { ...product, shape };
  }
  if (m * k * n < smallProduct && isPlainStack(plan)) return undefined;
  return multiplyEach(plan, a, b, transposeA, transposeB, host, run);
};

/** Below this many multiplications tfjs's own loop over a stack is faster than one call a matrix. */
const smallProduct = 120_000;

/** tfjs repeats a whole stack, not single axes of it, to broadcast. */
function isPlainStack({ aOf, bOf }: Product): boolean {
  return [aOf, bOf].every((places) => places.every((at, i) => at === i) || places.every((at) => at === 0));
}

/**
 * One product of two matrices with at most the cheapest transpositions: of the sides that are stored transposed, or,
 * as (b' a')' = a b, of the result and of the sides that are not. XNNPACK copies its right side into its own order,
 * which counts as much as a transposition.
 */
function multiply(
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  { m, k, n }: Pick<Product, 'm' | 'k' | 'n'>,
  transposeA: boolean,
  transposeB: boolean,
  host: Host,
  run: Run,
): tf.TensorInfo {
  const plain = (left: tf.TensorInfo, right: tf.TensorInfo) =>
    run('BatchMatMul', { a: left, b: right }, { transposeA: false, transposeB: false });
  if (!transposeA && !transposeB) return plain(a, b);
  const direct = (transposeA ? m * k : 0) + (transposeB ? 2 * k * n : k * n);
  const swapped = (transposeB ? 0 : k * n) + (transposeA ? m * k : 2 * m * k) + m * n;
  const temporary: tf.TensorInfo[] = [];
  const flip = (x: tf.TensorInfo) => {
    const flipped = run('Transpose', { x }, { perm: [1, 0] });
    temporary.push(flipped);
    return flipped;
  };
  let product: tf.TensorInfo;
  if (direct <= swapped) product = plain(transposeA ? flip(a) : a, transposeB ? flip(b) : b);
  else {
    const turned = plain(transposeB ? b : flip(b), transposeA ? a : flip(a));
    temporary.push(turned);
    product = run('Transpose', { x: turned }, { perm: [1, 0] });
  }
  for (const each of temporary) host.release(each);
  return product;
}

/** Each pair of a stack by itself, through tensors that hold one matrix. */
function multiplyEach(
  plan: Product,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
  host: Host,
  run: Run,
): tf.TensorInfo {
  const { m, n } = plan;
  const out = host.output(plan.shape, 'float32');
  for (let i = 0; i < plan.aOf.length; i++) {
    const left = matrixOf(a, plan.aOf[i]!, host);
    const right = matrixOf(b, plan.bOf[i]!, host);
    const product = multiply(left, right, plan, transposeA, transposeB, host, run);
    host.fill(out).set(host.view(product), i * m * n);
    for (const each of [left, right, product]) host.release(each);
  }
  return out;
}

function matrixOf(stack: tf.TensorInfo, at: number, host: Host): tf.TensorInfo {
  const [rows, columns] = stack.shape.slice(-2) as [number, number];
  const out = host.output([rows, columns], 'float32');
  const size = rows * columns;
  host.fill(out).set(host.view(stack).subarray(at * size, (at + 1) * size));
  return out;
}

/** Has XNNPACK too only where nothing is transposed. */
const fusedMatMul: Kernel = ({ inputs, attrs, host, run }) => {
  const { a, b } = inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
  if ((attrs.transposeA !== true && attrs.transposeB !== true) || !isFloat(a) || !isFloat(b)) return undefined;
  if ([...a.shape, ...b.shape].includes(0)) return undefined;
  const flip = (x: tf.TensorInfo) => {
    const last = x.shape.length - 1;
    const perm = x.shape
      .map((_, axis) => axis)
      .with(last, last - 1)
      .with(last - 1, last);
    return run('Transpose', { x }, { perm });
  };
  const left = attrs.transposeA === true ? flip(a) : host.share(a, a.shape);
  const right = attrs.transposeB === true ? flip(b) : host.share(b, b.shape);
  const product = run(
    '_FusedMatMul',
    { ...inputs, a: left, b: right },
    { ...attrs, transposeA: false, transposeB: false },
  );
  for (const each of [left, right]) host.release(each);
  return product;
};

/**
 * tfjs's wasm kernels that copy whole inputs for a part of them, miss XNNPACK, transpose before they sum, or sum in
 * single precision.
 */
export const wasmKernels: Readonly<Record<string, Kernel>> = {
  BatchMatMul: batchMatMul,
  Concat: copying.concat,
  GatherV2: indexing.gather,
  Identity: copying.identity,
  Mean: reducing.mean,
  Pack: copying.pack,
  Slice: copying.slice,
  SplitV: copying.splitV,
  Sum: reducing.sum,
  Unpack: copying.unpack,
  UnsortedSegmentSum: indexing.unsortedSegmentSum,
  _FusedMatMul: fusedMatMul,
};

/** Fills in what tfjs's wasm backend lacks, then replaces what is slow. */
export function completeWasmKernels(): void {
  fillFromCpu();
  const hosts = new WeakMap<object, WasmHost>();
  replaceKernels('wasm', wasmKernels, (backend) => {
    const host = hosts.get(backend) ?? new WasmHost(backend as BackendWasm);
    hosts.set(backend, host);
    return host;
  });
}
