import type * as tf from '@tensorflow/tfjs';
import {
  type BinaryOperation,
  binaryOperations,
  type Comparison,
  comparisons,
  type LogicalOperation,
  logicalOperations,
  type UnaryOperation,
  unaryOperations,
} from '../addon-types.js';
import type { Kernel, KernelCall } from './registry.js';
import { broadcastShape, mostElements, pairOf, sizeOf } from './shapes.js';

/** float32 with broadcasting. @param names of the inputs */
function binary(operation: BinaryOperation, [left, right] = ['a', 'b'] as [string, string]): Kernel {
  const number = binaryOperations.indexOf(operation);
  return ({ inputs, backend, addon }) => {
    const a = inputs[left]!;
    const b = inputs[right]!;
    if (a.dtype !== 'float32' || b.dtype !== 'float32') return undefined;
    const shape = broadcastShape(a.shape, b.shape);
    if (shape === undefined) return undefined;
    const x = backend.floats(a);
    const y = backend.floats(b);
    const out = backend.output(shape, 'float32');
    addon.binary(number, pairOf(a.shape, b.shape), x, y, backend.floats(out));
    return out;
  };
}

/** float32 or int32 with broadcasting; the result is bool. */
function compare(operation: Comparison): Kernel {
  const number = comparisons.indexOf(operation);
  return ({ inputs, backend, addon }) => {
    const a = inputs.a!;
    const b = inputs.b!;
    if (a.dtype !== b.dtype || (a.dtype !== 'float32' && a.dtype !== 'int32')) return undefined;
    const shape = broadcastShape(a.shape, b.shape);
    if (shape === undefined) return undefined;
    if (a.dtype === 'float32') {
      const [x, y] = [backend.floats(a), backend.floats(b)];
      const out = backend.output(shape, 'bool');
      addon.compareFloat(number, pairOf(a.shape, b.shape), x, y, backend.bools(out));
      return out;
    }
    const [x, y] = [backend.ints(a), backend.ints(b)];
    const out = backend.output(shape, 'bool');
    addon.compareInt(number, pairOf(a.shape, b.shape), x, y, backend.bools(out));
    return out;
  };
}

function logical(operation: LogicalOperation): Kernel {
  const number = logicalOperations.indexOf(operation);
  return ({ inputs, backend, addon }) => {
    const a = inputs.a!;
    const b = inputs.b!;
    if (a.dtype !== 'bool' || b.dtype !== 'bool') return undefined;
    const shape = broadcastShape(a.shape, b.shape);
    if (shape === undefined) return undefined;
    const [x, y] = [backend.bools(a), backend.bools(b)];
    const out = backend.output(shape, 'bool');
    addon.logical(number, pairOf(a.shape, b.shape), x, y, backend.bools(out));
    return out;
  };
}

const number = (operation: UnaryOperation) => unaryOperations.indexOf(operation);

/** @param constants of the operation, from the kernel's attributes */
function unary(operation: UnaryOperation, constants?: (attrs: KernelCall['attrs']) => [number, number?]): Kernel {
  const which = number(operation);
  return ({ inputs, attrs, backend, addon }) => {
    const x = inputs.x!;
    const size = sizeOf(x.shape);
    if (x.dtype !== 'float32' || size > mostElements) return undefined;
    const [alpha, beta = 0] = constants?.(attrs) ?? [0];
    const values = backend.floats(x);
    const out = backend.output(x.shape, 'float32');
    addon.unary(which, size, values, backend.floats(out), alpha, beta);
    return out;
  };
}

/** The sum of a list of equal shape, as gradients of a tensor used often need it. */
const addN: Kernel = ({ inputs, backend, addon }) => {
  const [first, second, ...others] = Object.values(inputs) as [tf.TensorInfo, ...tf.TensorInfo[]];
  if (second === undefined || broadcastShape(first.shape, first.shape) === undefined) return undefined;
  if ([first, second, ...others].some((x) => x.dtype !== 'float32')) return undefined;
  const start = [backend.floats(first), backend.floats(second)] as const;
  const out = backend.output(first.shape, 'float32');
  const total = backend.floats(out);
  const size = [total.length];
  addon.binary(0, pairOf(size, size), ...start, total);
  for (const other of others) addon.binary(0, pairOf(size, size), total, backend.floats(other), total);
  return out;
};

/** tfjs broadcasts before; a condition of rank 1 over rows stays tfjs's. */
const select: Kernel = ({ inputs, backend, addon }) => {
  const { condition, t, e } = inputs as Record<'condition' | 't' | 'e', tf.TensorInfo>;
  const size = sizeOf(t.shape);
  if (t.dtype !== e.dtype || condition.dtype !== 'bool' || size > mostElements) return undefined;
  if (sizeOf(condition.shape) !== size || sizeOf(e.shape) !== size) return undefined;
  const mask = backend.bools(condition);
  if (t.dtype === 'float32') {
    const [yes, no] = [backend.floats(t), backend.floats(e)];
    const out = backend.output(t.shape, 'float32');
    addon.selectFloat(size, mask, yes, no, backend.floats(out));
    return out;
  }
  if (t.dtype !== 'int32') return undefined;
  const [yes, no] = [backend.ints(t), backend.ints(e)];
  const out = backend.output(t.shape, 'int32');
  addon.selectInt(size, mask, yes, no, backend.ints(out));
  return out;
};

/** Converts the elements; tfjs only changes the label where no precision is lost. */
const cast: Kernel = ({ inputs, attrs, backend, addon }) => {
  const x = inputs.x!;
  const to = attrs.dtype as tf.DataType;
  const size = sizeOf(x.shape);
  if (size > mostElements) return undefined;
  if (x.dtype === to && to !== 'complex64') return backend.share(x, x.shape);
  if (to === 'float32' && (x.dtype === 'int32' || x.dtype === 'bool')) {
    const out = backend.output(x.shape, 'float32');
    if (x.dtype === 'int32') addon.floatFromInt(size, backend.ints(x), backend.floats(out));
    else addon.floatFromBool(size, backend.bools(x), backend.floats(out));
    return out;
  }
  if (x.dtype === 'float32' && to === 'int32') {
    const out = backend.output(x.shape, 'int32');
    addon.intFromFloat(size, backend.floats(x), backend.ints(out));
    return out;
  }
  if (to === 'bool' && (x.dtype === 'float32' || x.dtype === 'int32')) {
    const out = backend.output(x.shape, 'bool');
    const notEqual = comparisons.indexOf('notEqual');
    const pair = pairOf([size], [1]);
    if (x.dtype === 'float32')
      addon.compareFloat(notEqual, pair, backend.floats(x), new Float32Array(1), backend.bools(out));
    else addon.compareInt(notEqual, pair, backend.ints(x), new Int32Array(1), backend.bools(out));
    return out;
  }
  return undefined;
};

export const elementwiseKernels: Readonly<Record<string, Kernel>> = {
  Abs: unary('abs'),
  Add: binary('add'),
  AddN: addN,
  Cast: cast,
  Ceil: unary('ceil'),
  ClipByValue: unary('clip', ({ clipValueMin, clipValueMax }) => [clipValueMin as number, clipValueMax as number]),
  Cos: unary('cos'),
  Elu: unary('elu'),
  EluGrad: binary('eluGrad', ['dy', 'y']),
  Equal: compare('equal'),
  Exp: unary('exp'),
  Expm1: unary('expm1'),
  Floor: unary('floor'),
  Greater: compare('greater'),
  GreaterEqual: compare('greaterEqual'),
  LeakyRelu: unary('leakyRelu', ({ alpha }) => [alpha as number]),
  Less: compare('less'),
  LessEqual: compare('lessEqual'),
  Log: unary('log'),
  Log1p: unary('log1p'),
  LogicalAnd: logical('and'),
  LogicalOr: logical('or'),
  Maximum: binary('maximum'),
  Minimum: binary('minimum'),
  Multiply: binary('mul'),
  Neg: unary('neg'),
  NotEqual: compare('notEqual'),
  Pow: binary('pow'),
  RealDiv: binary('div'),
  Reciprocal: unary('reciprocal'),
  Relu: unary('relu'),
  Relu6: unary('relu6'),
  Rsqrt: unary('rsqrt'),
  Select: select,
  Sigmoid: unary('sigmoid'),
  Sign: unary('sign'),
  Sin: unary('sin'),
  Softplus: unary('softplus'),
  Sqrt: unary('sqrt'),
  Square: unary('square'),
  SquaredDifference: binary('squaredDifference'),
  Step: unary('step', ({ alpha }) => [alpha as number]),
  Sub: binary('sub'),
  Tanh: unary('tanh'),
};
