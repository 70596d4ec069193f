import * as copying from './copying.js';
import * as elementwise from './elementwise.js';
import { type CpuBackend, CpuHost, isFloat } from './host.js';
import * as indexing from './indexing.js';
import { type MatrixView, multiply, planProduct } from './matmul.js';
import * as reducing from './reducing.js';
import { type Kernel, type KernelCall, replaceKernels } from './registry.js';

const batchMatMul: Kernel = ({ inputs, attrs, host }) => {
  const a = inputs.a!;
  const b = inputs.b!;
  if (!isFloat(a) || !isFloat(b)) return undefined;
  const transposeA = attrs.transposeA === true;
  const transposeB = attrs.transposeB === true;
  const plan = planProduct(a.shape, b.shape, transposeA, transposeB);
  if (plan === undefined) return undefined;
  const { m, k, n } = plan;
  const out = host.output(plan.shape, 'float32');
  const target = host.fill(out) as Float32Array;
  const left = matrix(host.view(a) as Float32Array, m, k, transposeA);
  const right = matrix(host.view(b) as Float32Array, k, n, transposeB);
  for (let i = 0; i < plan.aOf.length; i++) {
    const leftAt = { ...left, start: plan.aOf[i]! * m * k };
    const rightAt = { ...right, start: plan.bOf[i]! * k * n };
    multiply(leftAt, rightAt, target, i * m * n, m, k, n);
  }
  return out;
};

function matrix(values: Float32Array, rows: number, columns: number, transposed: boolean): MatrixView {
  return transposed
    ? { values, start: 0, rowStride: 1, columnStride: rows }
    : { values, start: 0, rowStride: columns, columnStride: 1 };
}

/** Only where it is a product and a bias, as activations are rare and the stock kernel has them. */
const fusedMatMul: Kernel = (call: KernelCall) => {
  const { inputs, attrs, host } = call;
  if (attrs.activation != null && attrs.activation !== 'linear') return undefined;
  const product = batchMatMul(call);
  if (product === undefined || Array.isArray(product) || inputs.bias == null) return product;
  const sum = elementwise.add({ ...call, inputs: { a: product, b: inputs.bias } });
  if (sum === undefined) {
    host.release(product);
    return undefined;
  }
  host.release(product);
  return sum;
};

/** tfjs's cpu kernels that find each element's place anew, or allocate by the element. */
export const cpuKernels: Readonly<Record<string, Kernel>> = {
  Add: elementwise.add,
  BatchMatMul: batchMatMul,
  Concat: copying.concat,
  GatherV2: indexing.gather,
  Mean: reducing.mean,
  Multiply: elementwise.multiply,
  Pack: copying.pack,
  PadV2: copying.pad,
  RealDiv: elementwise.divide,
  Slice: copying.slice,
  Softmax: reducing.softmax,
  SplitV: copying.splitV,
  Sub: elementwise.subtract,
  Sum: reducing.sum,
  Tile: copying.tile,
  Transpose: copying.transpose,
  Unpack: copying.unpack,
  UnsortedSegmentSum: indexing.unsortedSegmentSum,
  _FusedMatMul: fusedMatMul,
};

export function replaceCpuKernels(): void {
  const hosts = new WeakMap<object, CpuHost>();
  replaceKernels('cpu', cpuKernels, (backend) => {
    const host = hosts.get(backend) ?? new CpuHost(backend as CpuBackend);
    hosts.set(backend, host);
    return host;
  });
}
