/** Compares matrix products, losses and elementwise functions with double precision on one instruction set. */
import { type Addon, type UnaryOperation, unaryOperations } from '@rnnx/backend-native';
import { Draws, openAddon } from './open.js';

export interface Numerics {
  /** Largest error of an element over the sum of its terms' magnitudes. */
  readonly products: { cases: number; worst: number; where: string };
  /** Products of matrices of few numbers whose bits are not those of the dense product. */
  readonly sparse: { cases: number; wrong: string[] };
  readonly softmaxLoss: number;
  readonly sigmoidLoss: number;
  /** Largest error in units in the last place, by function. */
  readonly functions: Partial<Record<UnaryOperation, number>>;
  /** Results at NaN, infinities and zeros that are not as IEEE 754 and ECMAScript say. */
  readonly specials: string[];
}

const draws = new Draws('numerics');

/** op(A) op(B) and the sum of magnitudes, one element. */
function exact(
  [m, n, k]: readonly [number, number, number],
  [transposeA, transposeB]: readonly [boolean, boolean],
  a: Float32Array,
  b: Float32Array,
  at: readonly [number, number],
): [number, number] {
  let [sum, size] = [0, 0];
  for (let j = 0; j < k; j++) {
    const left = transposeA ? a[j * m + at[0]]! : a[at[0] * k + j]!;
    const right = transposeB ? b[at[1] * k + j]! : b[j * n + at[1]]!;
    sum += left * right;
    size += Math.abs(left * right);
  }
  return [sum, size];
}

function products(addon: Addon, cases: number): Numerics['products'] {
  let [worst, where] = [0, ''];
  for (let i = 0; i < cases; i++) {
    const long = i % 20 === 0;
    const size: [number, number, number] = [
      draws.whole(1, long ? 12 : 45),
      draws.whole(1, long ? 12 : 80),
      i % 50 === 1 ? 0 : draws.whole(1, long ? 1600 : 50),
    ];
    if (i % 100 === 2) size[0] = 400;
    if (i % 100 === 3) size[1] = 700;
    const [m, n, k] = size;
    const flips: [boolean, boolean] = [draws.chance(0.5), draws.chance(0.5)];
    const accumulate = draws.chance(0.5);
    const [a, b, c] = [draws.floats(m * k), draws.floats(k * n), draws.floats(m * n + 3)];
    const before = c.slice();
    addon.gemm(...flips, m, n, k, a, b, c, accumulate);
    for (let row = 0; row < m; row++)
      for (let column = 0; column < n; column++) {
        const [sum, magnitude] = exact(size, flips, a, b, [row, column]);
        const start = accumulate ? before[row * n + column]! : 0;
        const error = Math.abs(c[row * n + column]! - (start + sum)) / (magnitude + Math.abs(start) || 1);
        if (!(error <= worst)) [worst, where] = [error, JSON.stringify({ size, flips, accumulate })];
      }
    for (let j = m * n; j < c.length; j++)
      if (c[j] !== before[j])
        [worst, where] = [Infinity, `wrote beyond the result: ${JSON.stringify({ size, flips })}`];
  }
  return { cases, worst, where };
}

/** With B stored transposed every product is dense. */
function sparse(addon: Addon, cases: number): Numerics['sparse'] {
  const wrong: string[] = [];
  const bits = (x: Float32Array) => Buffer.from(x.buffer);
  for (let i = 0; i < cases; i++) {
    const [m, n, k] = [draws.whole(100, 500), draws.whole(20, 150), draws.whole(100, 900)];
    const [transpose, accumulate] = [draws.chance(0.5), draws.chance(0.5)];
    const [b, dense] = [draws.floats(k * n), draws.floats(m * n)];
    const a = draws.floats(m * k).map((x) => (draws.chance(0.05) ? x : draws.pick([0, -0])));
    if (i % 10 === 0) b[draws.whole(0, k * n - 1)] = draws.pick([NaN, Infinity]);
    if (i % 10 === 1) a[draws.whole(0, m * k - 1)] = draws.pick([NaN, Infinity]);
    const turned = Float32Array.from({ length: k * n }, (_, j) => b[(j % k) * n + Math.floor(j / k)]!);
    const few = dense.slice();
    addon.gemm(transpose, true, m, n, k, a, turned, dense, accumulate);
    addon.gemm(transpose, false, m, n, k, a, b, few, accumulate);
    if (!bits(few).equals(bits(dense))) wrong.push(JSON.stringify({ size: [m, n, k], transpose, accumulate, case: i }));
  }
  return { cases, wrong };
}

interface Layer {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly hidden: Float32Array;
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly dy: Float32Array;
}

function layer(outputs: number): Layer {
  const [rows, inputs] = [draws.whole(0, 15), draws.whole(1, 20)];
  return {
    rows,
    inputs,
    outputs,
    hidden: draws.floats(rows * inputs),
    weight: draws.floats(outputs * inputs),
    bias: draws.floats(outputs, 3),
    dy: draws.floats(rows),
  };
}

/** Rows of logits in double precision. */
function logitsOf({ rows, inputs, outputs, hidden, weight, bias }: Layer): number[][] {
  return Array.from({ length: rows }, (_, n) =>
    Array.from({ length: outputs }, (_, v) => {
      const [sum] = exact([rows, outputs, inputs], [false, true], hidden, weight, [n, v]);
      return sum + bias[v]!;
    }),
  );
}

/** Largest error of the gradients, given those of the logits. */
function gradientError(of: Layer, dLogits: number[][], [dh, dw, db]: readonly Float32Array[]): number {
  const { rows, inputs, outputs, hidden, weight } = of;
  let worst = 0;
  const compare = (got: number, terms: readonly number[]) => {
    const size = terms.reduce((sum, x) => sum + Math.abs(x), 1e-3);
    const error = Math.abs(got - terms.reduce((sum, x) => sum + x, 0)) / size;
    if (!(error <= worst)) worst = error;
  };
  for (let j = 0; j < inputs; j++) {
    for (let n = 0; n < rows; n++)
      compare(
        dh![n * inputs + j]!,
        dLogits[n]!.map((g, v) => g * weight[v * inputs + j]!),
      );
    for (let v = 0; v < outputs; v++)
      compare(
        dw![v * inputs + j]!,
        dLogits.map((row, n) => row[v]! * hidden[n * inputs + j]!),
      );
  }
  for (let v = 0; v < outputs; v++)
    compare(
      db![v]!,
      dLogits.map((row) => row[v]!),
    );
  return worst;
}

function outputsOf({ rows, inputs, outputs }: Layer): [Float32Array, Float32Array, Float32Array] {
  // Filled, so that what is not written shows.
  return [
    new Float32Array(rows * inputs).fill(NaN),
    new Float32Array(outputs * inputs).fill(NaN),
    new Float32Array(outputs).fill(NaN),
  ];
}

function softmaxLoss(addon: Addon): number {
  let worst = 0;
  for (let i = 0; i < 30; i++) {
    const of = layer(i % 6 === 0 ? draws.whole(2049, 4500) : draws.whole(1, 70));
    const { rows, inputs, outputs, hidden, weight, bias, dy } = of;
    const labels = Int32Array.from({ length: rows }, () => draws.whole(0, outputs - 1));
    const nll = new Float32Array(rows);
    // Filled, so that what is read before it was written shows.
    const memory = new Float32Array(addon.softmaxLossMemory(rows, outputs)).fill(NaN);
    const gradients = outputsOf(of);
    const sizes = [rows, inputs, outputs] as const;
    addon.softmaxLoss(...sizes, hidden, weight, bias, labels, nll, memory);
    addon.softmaxLossGradient(...sizes, hidden, weight, labels, memory, dy, ...gradients);
    const dLogits = logitsOf(of).map((row, n) => {
      const most = Math.max(...row);
      const normal = most + Math.log(row.reduce((sum, x) => sum + Math.exp(x - most), 0));
      worst = Math.max(worst, Math.abs(nll[n]! - (normal - row[labels[n]!]!)) / (1 + Math.abs(normal)));
      return row.map((x, v) => (Math.exp(x - normal) - (v === labels[n] ? 1 : 0)) * dy[n]!);
    });
    worst = Math.max(worst, gradientError(of, dLogits, gradients));
  }
  return worst;
}

function sigmoidLoss(addon: Addon): number {
  let worst = 0;
  for (let i = 0; i < 30; i++) {
    const of = layer(i % 6 === 0 ? draws.whole(2049, 2500) : draws.whole(1, 100));
    const { rows, inputs, outputs, hidden, weight, bias, dy } = of;
    const targets = Float32Array.from({ length: rows * outputs }, () => (draws.chance(0.3) ? 1 : 0));
    const nll = new Float32Array(rows);
    const logits = draws.chance(0.5) ? new Float32Array(rows * outputs) : null;
    const gradients = outputsOf(of);
    const args = [rows, inputs, outputs, hidden, weight, bias, targets] as const;
    addon.sigmoidLoss(...args, nll, logits);
    addon.sigmoidLossGradient(...args, logits, dy, ...gradients);
    const dLogits = logitsOf(of).map((row, n) => {
      const target = (v: number) => targets[n * outputs + v]!;
      const terms = row.map((x, v) => Math.max(x, 0) - x * target(v) + Math.log1p(Math.exp(-Math.abs(x))));
      const sum = terms.reduce((total, x) => total + x, 0);
      worst = Math.max(worst, Math.abs(nll[n]! - sum) / (1 + sum));
      return row.map((x, v) => (1 / (1 + Math.exp(-x)) - target(v)) * dy[n]!);
    });
    worst = Math.max(worst, gradientError(of, dLogits, gradients));
  }
  return worst;
}

const exactFunctions: Partial<Record<UnaryOperation, (x: number) => number>> = {
  exp: Math.exp,
  log: Math.log,
  tanh: Math.tanh,
  sigmoid: (x) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x))),
};

/** The distance to the next float of that size. */
function spacing(x: number): number {
  return Math.abs(x) < 2 ** -126 ? 2 ** -149 : 2 ** (Math.floor(Math.log2(Math.abs(x))) - 23);
}

/** Every 4,096th float, starting somewhere. */
function functions(addon: Addon): Pick<Numerics, 'functions' | 'specials'> {
  const patterns = new Uint32Array(1 << 20);
  for (let i = 0; i < patterns.length; i++) patterns[i] = i * 4096 + draws.whole(0, 4095);
  const x = new Float32Array(patterns.buffer);
  const ends = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 3.4e38, -3.4e38, 1e-45, -1e-45];
  x.set(ends);
  const y = new Float32Array(x.length);
  const worst: Numerics['functions'] = {};
  const specials: string[] = [];
  for (const [name, f] of Object.entries(exactFunctions) as [UnaryOperation, (x: number) => number][]) {
    addon.unary(unaryOperations.indexOf(name), x.length, x, y, 0, 0);
    worst[name] = 0;
    for (let i = 0; i < x.length; i++) {
      const wanted = f(x[i]!);
      const rounded = Math.fround(wanted);
      if (Object.is(rounded, y[i])) continue;
      if (i < ends.length && (rounded === 0 || !Number.isFinite(rounded)))
        specials.push(`${name}(${Object.is(x[i], -0) ? '-0' : x[i]}) = ${y[i]}, not ${rounded}`);
      else if (!Number.isFinite(rounded) || !Number.isFinite(y[i])) {
        // At the edge of overflow both neighbours are right.
        if (!(Math.abs(wanted) > 3.4028e38 && Math.abs(y[i]!) > 3.4028e38)) specials.push(`${name}(${x[i]}) = ${y[i]}`);
      } else worst[name] = Math.max(worst[name]!, Math.abs(y[i]! - wanted) / spacing(wanted));
    }
  }
  return { functions: worst, specials };
}

const addon = openAddon();
const report: Numerics = {
  products: products(addon, 1000),
  sparse: sparse(addon, 60),
  softmaxLoss: softmaxLoss(addon),
  sigmoidLoss: sigmoidLoss(addon),
  ...functions(addon),
};
console.log(JSON.stringify(report));
