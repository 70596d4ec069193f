import { readFileSync } from 'node:fs';
import {
  asgd,
  createOptimizer,
  extendAverage,
  type Optimizer,
  type OptimizerConfig,
  RnnxError,
  sgd,
  type Weights,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';

type Nested = number[] | number[][];
interface Golden {
  readonly start: Record<string, Nested>;
  readonly curvature: Record<string, Nested>;
  readonly cases: { optimizer: OptimizerConfig; trace: Record<string, number[]>[] }[];
}

// Golden files are not compiled, so they are read from the sources.
const golden: Golden = JSON.parse(
  readFileSync(new URL('../../../src/golden/optimizers.json', import.meta.url), 'utf8'),
);

/** Gradient of Σ c (w - 1)² / 2 + w⁴ / 40. */
const slope = (c: number, w: number) => c * (w - 1) + w ** 3 / 10;

function gradients(weights: Weights): Record<string, tf.Tensor> {
  return tf.tidy(() =>
    Object.fromEntries(
      Object.entries(weights).map(([name, w]) => [
        name,
        tf.add(tf.mul(tf.tensor(golden.curvature[name]!), tf.sub(w, 1)), tf.div(tf.pow(w, 3), 10)),
      ]),
    ),
  );
}

interface Trace {
  /** Weights after each step. */
  readonly weights: Record<string, number[]>[];
  /** Look-ahead points after each step. */
  readonly ahead: Record<string, number[]>[];
  readonly averages: Record<string, number[]>[];
}

async function values(tensors: Weights): Promise<Record<string, number[]>> {
  const entries = Object.entries(tensors).map(
    async ([name, t]): Promise<[string, number[]]> => [name, Array.from(await t.data())],
  );
  return Object.fromEntries(await Promise.all(entries));
}

async function run(optimizer: Optimizer, learningRate: number, steps: number): Promise<Trace> {
  const trace: Trace = { weights: [], ahead: [], averages: [] };
  let weights: Record<string, tf.Tensor> = Object.fromEntries(
    Object.entries(golden.start).map(([name, value]) => [name, tf.tensor(value)]),
  );
  let slots = optimizer.initialSlots(weights);
  let average: Record<string, tf.Tensor> | undefined;
  for (let step = 1; step <= steps; step++) {
    const ahead = optimizer.lookAhead?.(weights, slots);
    const slope = gradients(ahead ?? weights);
    const next = optimizer.update(weights, slots, slope, { learningRate, step });
    tf.dispose([weights, slots, slope, ahead ?? {}]);
    ({ weights, slots } = next);
    // PyTorch's average leaves the first iterate out.
    const longer = extendAverage(average ?? weights, weights, Math.max(1, step - 1));
    tf.dispose(average ?? {});
    average = longer;
    const nextAhead = optimizer.lookAhead?.(weights, slots) ?? {};
    trace.weights.push(await values(weights));
    trace.ahead.push(await values(nextAhead));
    trace.averages.push(await values(average));
    tf.dispose(nextAhead);
  }
  tf.dispose([weights, slots, average ?? {}]);
  return trace;
}

function expectClose(got: Record<string, number[]>[], expected: Record<string, number[]>[], tolerance = 2e-6): void {
  expect(got.length).to.equal(expected.length);
  for (const [step, values] of expected.entries())
    for (const [name, list] of Object.entries(values))
      for (const [i, value] of list.entries())
        expect(got[step]![name]![i], `step ${step + 1}, ${name}[${i}]`).to.be.closeTo(value, tolerance);
}

describe('optimizers against PyTorch', () => {
  for (const { optimizer: config, trace } of golden.cases) {
    const { name, ...options } = config;
    it(`${name} ${JSON.stringify(options)}`, async () => {
      const got = await run(createOptimizer(config), config.learningRate, trace.length);
      if (config.name === 'asgd') expectClose(got.averages, trace);
      // PyTorch's parameters under Nesterov momentum are the look-ahead points.
      else if (config.name === 'momentum' && config.nesterov) expectClose(got.ahead, trace);
      else expectClose(got.weights, trace);
    });
  }
});

/** The equations written out for one weight in double precision, independent of tensors: (w, step) to the next w. */
type Rule = (w: number, step: number) => number;
const byHand: Record<string, (g: (w: number) => number, rate: number) => Rule> = {
  sgd: (g, rate) => (w) => w - rate * g(w),
  classical(g, rate) {
    let v = 0;
    return (w) => {
      v = 0.9 * v - rate * g(w);
      return w + v;
    };
  },
  nesterov(g, rate) {
    let v = 0;
    return (w) => {
      v = 0.9 * v - rate * g(w + 0.9 * v);
      return w + v;
    };
  },
  adam(g, rate) {
    let m = 0;
    let s = 0;
    return (w, step) => {
      m = 0.8 * m + 0.2 * g(w);
      s = 0.95 * s + 0.05 * g(w) ** 2;
      return w - (rate * (m / (1 - 0.8 ** step))) / (Math.sqrt(s / (1 - 0.95 ** step)) + 1e-3);
    };
  },
  rmsprop(g, rate) {
    let v = 0;
    let r = 1;
    return (w) => {
      const half = w - 0.95 * v;
      const slope = g(half);
      r = 0.9 * r + 0.1 * slope ** 2;
      v = 0.95 * v + (rate * slope) / Math.sqrt(r + 1e-8);
      return half - (rate * slope) / Math.sqrt(r + 1e-8);
    };
  },
};

function traceOf(rule: Rule, start: number, steps: number): number[] {
  const trace = [start];
  for (let step = 1; step <= steps; step++) trace.push(rule(trace.at(-1)!, step));
  return trace.slice(1);
}

describe('optimizers against the equations', () => {
  const configs: Record<string, OptimizerConfig> = {
    sgd: { name: 'sgd', learningRate: 0.1 },
    classical: { name: 'momentum', learningRate: 0.05, momentum: 0.9, nesterov: false },
    nesterov: { name: 'momentum', learningRate: 0.05, momentum: 0.9, nesterov: true },
    adam: { name: 'adam', learningRate: 0.1, beta1: 0.8, beta2: 0.95, epsilon: 1e-3 },
    rmsprop: { name: 'rmsprop', learningRate: 0.02, decay: 0.9, momentum: 0.95, epsilon: 1e-8, initial: 1 },
  };
  for (const [name, config] of Object.entries(configs))
    it(`${name}: each weight on its own`, async () => {
      const steps = 5;
      const { weights } = await run(createOptimizer(config), config.learningRate, steps);
      const start = (golden.start.b as number[][]).flat();
      const curvature = (golden.curvature.b as number[][]).flat();
      const expected = start.map((w, i) =>
        traceOf(
          byHand[name]!((x) => slope(curvature[i]!, x), config.learningRate),
          w,
          steps,
        ),
      );
      expectClose(
        weights,
        weights.map((_, step) => ({ b: expected.map((trace) => trace[step]!) })),
      );
    });
});

describe('averaged SGD', () => {
  it('begins when the metric is worse than the best more than n validations ago', () => {
    const starts = (history: number[]) => asgd({ nonMonotone: 2 }).startsAveraging!(history);
    expect(starts([5])).to.equal(false);
    expect(starts([5, 9, 9])).to.equal(false); // not yet more than two before it
    expect(starts([5, 4, 3, 6])).to.equal(true); // above 5, the best of those two or more validations earlier
    expect(starts([5, 4, 3, 4.5])).to.equal(false); // the two latest before it do not count
    expect(starts([5, 4, 3, 2, 4.5])).to.equal(true);
    expect(starts([5, 4, 3, 2, 4])).to.equal(false); // worse is needed, not as bad
  });
});

describe('every optimizer', () => {
  it('refuses a missing or misshapen gradient and frees what it had made', () => {
    const weights = { a: tf.zeros([2]), b: tf.zeros([3]) };
    const half = { a: tf.ones([2]) };
    const wrong = { a: tf.ones([2]), b: tf.ones([4]) };
    const before = tf.memory().numTensors;
    const update = (gradients: Weights) => () => sgd().update(weights, {}, gradients, { learningRate: 1, step: 1 });
    for (const [gradients, message] of [
      [half, /"b".*\n.*none/],
      [wrong, /"b".*\n.*\[4\]\n.*\[3\]/],
    ] as const)
      expect(update(gradients)).to.throw(RnnxError, message).with.property('code', 'RNNX_SHAPE_MISMATCH');
    expect(tf.memory().numTensors).to.equal(before);
    tf.dispose([weights, half, wrong]);
  });

  it('makes fresh weights and slots and no other tensor', () => {
    const configs = golden.cases.map(({ optimizer }) => optimizer);
    for (const config of configs) {
      const optimizer = createOptimizer(config);
      const weights = { a: tf.zeros([2]), b: tf.zeros([3]) };
      const slope = { a: tf.ones([2]), b: tf.ones([3]) };
      const slots = optimizer.initialSlots(weights);
      const before = tf.memory().numTensors;
      const next = optimizer.update(weights, slots, slope, { learningRate: 1, step: 1 });
      expect(Object.keys(next.slots).sort()).to.deep.equal(Object.keys(slots).sort());
      expect(tf.memory().numTensors - before).to.equal(2 + Object.keys(slots).length);
      tf.dispose([weights, slope, slots, next.weights, next.slots]);
    }
  });
});
