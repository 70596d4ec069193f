import type { OptimizerAddon, RandomAddon, SigmoidLossAddon } from './addon-training-types.js';
import type { GatedAddon, OutputAddon, SequenceAddon, SteppedAddon } from './fused/addon.js';
import type { MomentAddon } from './fused/moments-addon.js';
import type { NormalizedAddon } from './fused/normalized-addon.js';

/**
 * Functions of the addon. They check every argument and throw a TypeError or RangeError with the code
 * RNNX_NATIVE_ARGUMENT. Results go into arrays that the caller gives; these may be longer than needed. A `shapes`
 * argument is an Int32Array of 17: the result's rank r, r sizes of a, r sizes of b, with 1 where an axis repeats.
 *
 * Those that give nothing back are kernels: they run in the order in which they are called, while JavaScript goes on, and
 * until `waitForKernels` nobody else may change, or look for results in, their arrays. All others, but for the sizes of
 * memories, `gather`, `kernelsCalled` and `waitUntilRun`, wait for the kernels before.
 */
export interface RuntimeAddon {
  /** Instruction set in use: `baseline`, `avx2`, `avx512` or `neon`. */
  isa(): string;
  threadCount(): number;
  /** @param count 1 to 256 */
  setThreadCount(count: number): void;
  /** Returns when all kernels that were called have run. */
  waitForKernels(): void;
  /** How many kernels were put off so far. */
  kernelsCalled(): number;
  /** Returns when so many of those have run. */
  waitUntilRun(count: number): void;
  /** @param mode an index into `queueModes` */
  setQueueMode(mode: number): void;
}

export interface MatrixAddon {
  /** c [m, n] = op(a) [m, k] op(b) [k, n], or c += with `accumulate`; op transposes what is stored transposed. */
  gemm(
    transposeA: boolean,
    transposeB: boolean,
    m: number,
    n: number,
    k: number,
    a: Float32Array,
    b: Float32Array,
    c: Float32Array,
    accumulate: boolean,
  ): void;
  /** c [m, n] = a [m, k] b [k, n] + bias [n] on every row. */
  linear(m: number, n: number, k: number, a: Float32Array, b: Float32Array, bias: Float32Array, c: Float32Array): void;
}

export interface ElementwiseAddon {
  /** @param operation an index into `binaryOperations` */
  binary(operation: number, shapes: Int32Array, a: Float32Array, b: Float32Array, out: Float32Array): void;
  /** @param operation an index into `comparisons` */
  compareFloat(operation: number, shapes: Int32Array, a: Float32Array, b: Float32Array, out: Uint8Array): void;
  compareInt(operation: number, shapes: Int32Array, a: Int32Array, b: Int32Array, out: Uint8Array): void;
  /** @param operation an index into `logicalOperations` */
  logical(operation: number, shapes: Int32Array, a: Uint8Array, b: Uint8Array, out: Uint8Array): void;
  /** @param operation an index into `unaryOperations` */
  unary(operation: number, count: number, x: Float32Array, out: Float32Array, alpha: number, beta: number): void;
  selectFloat(count: number, condition: Uint8Array, yes: Float32Array, no: Float32Array, out: Float32Array): void;
  selectInt(count: number, condition: Uint8Array, yes: Int32Array, no: Int32Array, out: Int32Array): void;
  floatFromInt(count: number, x: Int32Array, out: Float32Array): void;
  floatFromBool(count: number, x: Uint8Array, out: Float32Array): void;
  /** As JavaScript converts: towards zero, modulo 2^32, 0 for NaN. */
  intFromFloat(count: number, x: Float32Array, out: Int32Array): void;
}

export interface ReduceAddon {
  /** x [outer, count, inner] -> out [outer, inner]; @param operation an index into `reductions` */
  reduce(operation: number, outer: number, count: number, inner: number, x: Float32Array, out: Float32Array): void;
  softmax(rows: number, width: number, x: Float32Array, out: Float32Array): void;
}

export interface CopyAddon {
  /**
   * Copies a block. `layout` is an Int32Array of 39: rank r, start of the source, start of the target, r sizes, r
   * source strides (0 repeats, negative goes back), r target strides.
   */
  copyFloat(layout: Int32Array, source: Float32Array, target: Float32Array): void;
  copyInt(layout: Int32Array, source: Int32Array, target: Int32Array): void;
  copyBool(layout: Int32Array, source: Uint8Array, target: Uint8Array): void;
  /** out[b, o, i] = x[b, o, places[b, i]], rows of `width`; false, and nothing written, if a place is out of range. */
  gather(
    batch: number,
    outer: number,
    rows: number,
    width: number,
    count: number,
    x: Float32Array,
    places: Int32Array,
    out: Float32Array,
  ): boolean;
  /** out[s] = sum of the rows of x with segment s; rows with another segment are left out. `cleared`: out holds zeros. */
  segmentSum(
    rows: number,
    width: number,
    segments: number,
    x: Float32Array,
    segment: Int32Array,
    out: Float32Array,
    cleared: boolean,
  ): void;
}

export interface FillAddon {
  fillFloat(count: number, value: number, out: Float32Array): void;
  fillInt(count: number, value: number, out: Int32Array): void;
  fillBool(count: number, value: number, out: Uint8Array): void;
  /** out[i] = x[i mod length] */
  repeat(length: number, x: Float32Array, count: number, out: Float32Array): void;
  /** Zeros in some rows of out [count / width, width]. */
  clearRows(count: number, out: Float32Array, width: number, rowCount: number, rows: Int32Array): void;
}

export interface Addon
  extends RuntimeAddon,
    MatrixAddon,
    ElementwiseAddon,
    ReduceAddon,
    CopyAddon,
    FillAddon,
    SequenceAddon,
    SteppedAddon,
    GatedAddon,
    NormalizedAddon,
    MomentAddon,
    OutputAddon,
    SigmoidLossAddon,
    OptimizerAddon,
    RandomAddon {}

/** Names in the order of their numbers in native/elementwise.h and native/reduce.h. */
export const binaryOperations = [
  'add',
  'sub',
  'mul',
  'div',
  'maximum',
  'minimum',
  'squaredDifference',
  'pow',
  'eluGrad',
] as const;
export const comparisons = ['equal', 'notEqual', 'greater', 'greaterEqual', 'less', 'lessEqual'] as const;
export const logicalOperations = ['and', 'or'] as const;
export const unaryOperations = [
  'exp',
  'log',
  'log1p',
  'expm1',
  'tanh',
  'sigmoid',
  'softplus',
  'relu',
  'relu6',
  'leakyRelu',
  'elu',
  'neg',
  'abs',
  'sign',
  'square',
  'sqrt',
  'rsqrt',
  'reciprocal',
  'step',
  'clip',
  'floor',
  'ceil',
  'sin',
  'cos',
] as const;
/** Kernels run while JavaScript goes on, before their call returns, or when somebody waits for them: see native/queue.h. */
export const queueModes = ['on', 'off', 'late'] as const;
export const reductions = ['sum', 'mean', 'max', 'min'] as const;

export type BinaryOperation = (typeof binaryOperations)[number];
export type Comparison = (typeof comparisons)[number];
export type LogicalOperation = (typeof logicalOperations)[number];
export type UnaryOperation = (typeof unaryOperations)[number];
export type Reduction = (typeof reductions)[number];
