/** Calls every function of the addon wrongly, at random: each call must end with a result or a coded error. */
import { type Addon, unaryOperations } from '@rnnx/backend-native';
import { Draws, rawAddon } from './open.js';

export interface Fuzzed {
  readonly calls: number;
  readonly refused: number;
  readonly done: number;
  /** Errors that are no TypeError or RangeError of ours. */
  readonly strange: string[];
  /** Functions no call of which was refused, or no call of which went through. */
  readonly neverRefused: string[];
}

type Call = readonly unknown[];

const draws = new Draws('fuzz');

function detached(): Float32Array {
  const array = new Float32Array(8);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

const oddNumbers = [0, -0, 1, -1, 2, 0.5, NaN, Infinity, -Infinity, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 31)];

const oddPlaces = [-1, 0, 1, 2, 5, 13, 1000, 2 ** 31 - 1, -(2 ** 31)];

/** Anything. Arrays are short, so a size that passes is small or the array is refused. */
function anything(): unknown {
  const length = draws.whole(0, 40);
  return draws.pick<() => unknown>([
    () => draws.pick(oddNumbers),
    () => draws.whole(0, 6),
    () => draws.whole(0, 6),
    () => draws.chance(0.5),
    () => draws.pick([undefined, null, '', 'gemm', Symbol('x'), 7n, {}, [], [1, 2], () => 1, new Map(), /x/]),
    () => draws.floats(length),
    () => draws.floats(length),
    () => draws.floats(length).subarray(draws.whole(0, length)),
    () => new Float32Array(new SharedArrayBuffer(length * 4)),
    () => Int32Array.from({ length }, () => draws.whole(-3, 9)),
    () => Int32Array.from({ length }, () => draws.pick([2 ** 31 - 1, -(2 ** 31), 0, 1])),
    () => new Uint8Array(length),
    () => new Uint32Array(length),
    () => new Float64Array(length),
    () => new BigInt64Array(2),
    () => new DataView(new ArrayBuffer(8)),
    () => new ArrayBuffer(64),
    () => new Proxy(new Float32Array(8), {}),
    () => Object.setPrototypeOf({}, Float32Array.prototype),
    detached,
  ])();
}

const f = (count: number) => draws.floats(count);
const control = () => Float64Array.of(draws.unit(), draws.pick([1, NaN]), 1);
const labels = (count: number, below: number) => Int32Array.from({ length: count }, () => draws.whole(0, below - 1));

/** A sequence of 3 steps, 2 examples and 5 units: sizes, gates, and four perturbations with their values. */
function sequence() {
  const cell = draws.whole(0, 5);
  const gates = [4, 3, 3, 1, 1, 1][cell]!;
  const columns = cell === 2 ? 10 : 5 * gates;
  const [wide, gated] = [draws.pick([1, gates * 5]), draws.pick([1, gates])];
  const table = Int32Array.of(
    ...[5, 2, 3, 2, 1, 5],
    ...[1, draws.whole(0, 1), 1, 2, 1, wide],
    ...[0, draws.whole(0, 1), 3, 1, gated, 5],
    ...[6, draws.whole(0, 1), 3, 5, 1, columns],
  );
  const values = () => [f(30), f(2 * wide), f(15 * gated), f(15 * columns)];
  const sizes = [cell, 3, 2, 5, 4, table] as const;
  const candidate = () => (cell === 2 ? f(25) : null);
  const recurrent = () => f(25 * (cell === 2 ? 2 : gates));
  return { cell, gates, sizes, values, recurrent, candidate, memory: () => f(addon.sequenceMemory(...sizes)) };
}

/** Three steps of two examples through [4, 5] matrices, and two perturbations with their values. */
function stepped() {
  const table = Int32Array.of(...[0, 3, 4, draws.pick([1, 5])], ...[1, draws.pick([1, 3]), 1, 5]);
  const values = () => [f(12 * table[3]!), f(5 * table[5]!)];
  return { geometry: [3, 2, 4, 5, 2, table], values };
}

/** Three steps of two examples with 4 inputs through [4, 15] in three gates, each with a mask. */
function gated(): Call {
  const shape = Int32Array.of(draws.pick([1, 3]), draws.pick([1, 2]), draws.pick([1, 4]));
  return [3, 2, 4, 3, 5, shape, f(3 * shape[0]! * shape[1]! * shape[2]!), f(60), f(24)];
}

/** A batch-normalised sequence of 3 steps, 2 examples and 5 units. */
function normalized() {
  const norm = (n: number) => [f(n), 0.1, f(3 * n), f(3 * n)];
  const mask = draws.chance(0.5) ? f(6) : null;
  const net = [3, 2, 5, draws.chance(0.5), mask, f(20), ...norm(20), ...norm(20), ...norm(5), f(5)];
  return { net, memory: () => f(addon.normalizedMemory(3, 2, 5)) };
}

/** [3, 4] and [1, 4] as elementwise functions take them. */
function broadcast(): Int32Array {
  const shapes = new Int32Array(17);
  shapes.set([2, 3, 4, 1, 4]);
  return shapes;
}

/** A block of [3, 4] to [4, 3]. */
function turning(): Int32Array {
  const layout = new Int32Array(39);
  layout.set([2, 1, 2, 3, 4, 4, 1, 1, 3]);
  return layout;
}

/** Right calls, to be spoilt in one place. */
const right: Readonly<Partial<Record<keyof Addon, () => Call>>> = {
  gemm: () => [draws.chance(0.5), draws.chance(0.5), 3, 4, 5, f(15), f(20), f(12), draws.chance(0.5)],
  unary: () => [draws.whole(0, unaryOperations.length - 1), 9, f(9), f(9), 0.5, 1],
  reduce: () => [draws.whole(0, 3), 2, 3, 4, f(24), f(8)],
  softmax: () => [3, 4, f(12), f(12)],
  softmaxLossMemory: () => [3, 5],
  softmaxLoss: () => [3, 2, 5, f(6), f(10), f(5), labels(3, 5), f(3), f(addon.softmaxLossMemory(3, 5))],
  softmaxLossGradient: () => [
    3,
    2,
    5,
    f(6),
    f(10),
    labels(3, 5),
    f(addon.softmaxLossMemory(3, 5)),
    f(3),
    f(6),
    f(10),
    f(5),
  ],
  sigmoidLoss: () => [3, 2, 5, f(6), f(10), f(5), f(15), f(3), null],
  sigmoidLossGradient: () => [3, 2, 5, f(6), f(10), f(5), f(15), null, f(3), f(6), null, f(5)],
  sgd: () => [6, f(6), f(6), control(), 0.1, f(6)],
  sgdRows: () => [6, f(6), f(6), control(), 0.1, f(6), 2, 2, Int32Array.of(0, draws.whole(1, 2))],
  momentum: () => [6, f(6), f(6), control(), 0.1, f(6), 0.9, f(6), f(6)],
  adam: () => [6, f(6), f(6), control(), 0.1, f(6), 0.9, 0.99, 1e-8, 3, f(6), f(6), f(6), f(6)],
  rmsprop: () => [6, f(6), f(6), control(), 0.1, f(6), 0.9, 0.9, 1e-8, f(6), f(6), f(6), f(6)],
  average: () => [6, f(6), f(6), 3, f(6)],
  addSquares: () => [6, f(6), control()],
  addSquaresRows: () => [6, f(6), control(), 2, 2, Int32Array.of(0, draws.whole(1, 2))],
  waitUntilRun: () => [draws.pick([0, addon.kernelsCalled(), 2 ** 53])],
  clip: () => [control(), draws.pick([1, Infinity]), f(1), f(1), draws.pick([null, f(1)]), new Float64Array(3)],
  fillFloat: () => [5, 0.5, f(5)],
  fillInt: () => [5, draws.pick([7, -(2 ** 31)]), labels(5, 9)],
  fillBool: () => [5, 1, new Uint8Array(5)],
  repeat: () => [2, f(2), 5, f(5)],
  clearRows: () => [6, f(6), 2, 2, Int32Array.of(0, draws.whole(1, 2))],
  philoxWords: () => [1, 2, 5, new Uint32Array(5)],
  philoxUniforms: () => [1, 2, 5, f(5)],
  philoxNormals: () => [1, 2, 5, f(5)],
  philoxDoubles: () => [1, 2, 5, new Float64Array(5)],
  philoxBernoulli: () => [1, 2, 5, 0.5, 2, f(5)],
  binary: () => [draws.whole(0, 8), broadcast(), f(12), f(4), f(12)],
  compareFloat: () => [draws.whole(0, 5), broadcast(), f(12), f(4), new Uint8Array(12)],
  copyFloat: () => [turning(), f(14), f(14)],
  copyInt: () => [turning(), labels(14, 9), labels(14, 9)],
  selectFloat: () => [5, new Uint8Array(5), f(5), f(5), f(5)],
  gather: () => [1, 2, 3, 4, 2, f(24), labels(2, 3), f(16)],
  segmentSum: () => [3, 4, 5, f(12), labels(3, 5), f(20), draws.chance(0.5)],
  sequenceMemory: () => sequence().sizes,
  sequenceForward: () => {
    const { cell, gates, sizes, values, recurrent, candidate, memory } = sequence();
    const [bias, cellState] = [cell === 1 ? f(5) : null, () => (cell === 0 ? f(10) : null)];
    const weights = [recurrent(), candidate(), bias] as const;
    const kept = draws.chance(0.5) ? memory() : null;
    return [...sizes, values(), ...weights, f(30 * gates), f(10), cellState(), kept, f(30), f(10), cellState()];
  },
  sequenceBackward: () => {
    const { cell, gates, sizes, values, recurrent, candidate, memory } = sequence();
    const gradients = draws.chance(0.5) ? values() : [null, undefined, null, null];
    const weights = [recurrent(), candidate()] as const;
    const weightResults = [recurrent(), candidate(), cell === 1 ? f(5) : null] as const;
    const results = [f(30 * gates), ...weightResults, f(10), cell === 0 ? f(10) : null] as const;
    return [...sizes, values(), gradients, ...weights, memory(), f(30), ...results];
  },
  steppedProduct: () => {
    const transposed = draws.chance(0.5);
    const { geometry, values } = stepped();
    return [transposed, ...geometry, values(), f(20), f(transposed ? 30 : 24), f(transposed ? 24 : 30)];
  },
  steppedProductGradient: () => {
    const { geometry, values } = stepped();
    const targets = draws.chance(0.5) ? values() : [null, null];
    return [...geometry, values(), targets, f(20), f(24), f(30), draws.chance(0.5) ? f(20) : null];
  },
  linear: () => [3, 4, 5, f(15), f(20), f(4), f(12)],
  gatedProduct: () => [...gated(), f(90)],
  gatedProductGradient: () => [...gated(), f(90), f(24), f(60)],
  sequenceWeightValues: () => {
    const { sizes, values, recurrent, candidate, memory } = sequence();
    return [...sizes, values(), [null, null, null, values()[3]], recurrent(), candidate(), memory()];
  },
  momentForward: () => {
    const net = [3, 2, 5, draws.whole(0, 2), 4, f(4), f(4), 0.8, f(25)];
    return [...net, f(30), f(30), f(10), f(10), draws.chance(0.5) ? f(90) : null, f(30), f(30)];
  },
  momentBackward: () => {
    const net = [3, 2, 5, draws.whole(0, 2), draws.pick([0, 4]), f(4), f(4), 0.8, f(25)];
    return [...net, f(10), f(90), f(30), f(30), f(30), f(30), f(30), f(25), f(10), f(10)];
  },
  normalizedMemory: () => [3, 2, 5],
  normalizedForward: () => {
    const { net, memory } = normalized();
    return [...net, f(100), f(120), f(10), f(10), draws.chance(0.5) ? memory() : null, f(30), f(10)];
  },
  normalizedBackward: () => {
    const { net, memory } = normalized();
    const results = [f(120), f(100), f(10), f(10), f(20), f(20), f(20), f(5), f(5)];
    return [...net, f(100), f(120), f(10), memory(), f(30), f(30), ...results];
  },
};

function spoil(call: Call): Call {
  const spoilt = [...call];
  const tables = spoilt.flatMap((value, i) => (value instanceof Int32Array ? [i] : []));
  if (tables.length > 0 && draws.chance(0.5)) {
    // One number of a table of sizes, strides, labels or places.
    const at = draws.pick(tables);
    const table = Int32Array.from(spoilt[at] as Int32Array);
    table[draws.whole(0, Math.min(table.length, 24) - 1)] = draws.pick(oddPlaces);
    spoilt[at] = table;
    return spoilt;
  }
  switch (draws.whole(0, 3)) {
    case 0:
      return spoilt.slice(0, draws.whole(0, spoilt.length - 1));
    case 1:
      spoilt.splice(draws.whole(0, spoilt.length - 1), 1);
      return spoilt;
    default:
      spoilt[draws.whole(0, spoilt.length - 1)] = anything();
      return spoilt;
  }
}

const addon = rawAddon();
const threads = addon.threadCount();
const names = Object.keys(addon) as (keyof Addon)[];
const refusedBy = new Map<string, number>();
const strange: string[] = [];
let [calls, refused, done] = [0, 0, 0];

function attempt(name: keyof Addon, args: Call): void {
  calls++;
  try {
    (addon[name] as (...args: unknown[]) => unknown)(...args);
    done++;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    const ours = (error instanceof TypeError || error instanceof RangeError) && code?.startsWith('RNNX_NATIVE_');
    if (!ours || !message.startsWith(`${name}: `)) strange.push(`${name}: ${String(error)} ${code}`);
    refused++;
    refusedBy.set(name, (refusedBy.get(name) ?? 0) + 1);
  }
}

for (const [name, make] of Object.entries(right) as [keyof Addon, () => Call][]) {
  const before = refused;
  attempt(name, make());
  if (refused !== before) strange.push(`${name} refused a right call`);
}
while (calls < 12_000) {
  const name = draws.pick(names);
  const make = right[name];
  if (make !== undefined && draws.chance(0.7)) attempt(name, spoil(make()));
  else attempt(name, Array.from({ length: draws.whole(0, 12) }, anything));
}
addon.setThreadCount(threads);

const takeNothing = ['isa', 'kernelsCalled', 'threadCount', 'waitForKernels'];
const neverRefused = names.filter((name) => !takeNothing.includes(name) && !refusedBy.has(name));
const report: Fuzzed = { calls, refused, done, strange: [...new Set(strange)].slice(0, 20), neverRefused };
console.log(JSON.stringify(report));
