import cells from '@rnnx/cells';
import {
  createRng,
  createSequenceModel,
  type FrameTask,
  type Minibatch,
  PluginRegistry,
  type RnnxError,
} from '@rnnx/core';
import fastDropout, { type Activation, closedForm, gaussHermite, quadrature } from '@rnnx/fast-dropout';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { smallModel, toReference, wordTask } from '../../support/models.js';
import { centralDifferences, type ReferenceWeights, relativeError } from '../../support/reference-model.js';

const registry = new PluginRegistry([...cells, ...fastDropout]);
const [D, H, T, B] = [5, 4, 6, 3];
const task: FrameTask = { kind: 'frames', size: D, likelihood: 'bernoulli', metric: 'nll-per-step' };

function build(options: object, likelihood: FrameTask['likelihood'] = 'bernoulli', layers = 1) {
  return createSequenceModel({
    config: { ...smallModel, layers, hiddenSize: H, tied: false },
    task: { ...task, likelihood },
    cell: registry.create('cell', { name: 'fast-dropout', ...options }),
    regularizers: [],
  });
}

const frames = (name: string) =>
  createRng(8)
    .stream(name)
    .uniforms(T * B * D)
    .map((u) => Number(u < 0.4));
const batch: Minibatch = { steps: T, batch: B, inputs: frames('inputs'), targets: frames('targets'), mask: null };
const pass = { phase: 'train', copies: 1, average: 'probabilities', rng: createRng(1) } as const;

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const activations = { tanh: Math.tanh, sigmoid, relu: (x: number) => Math.max(0, x) };

/** Fast dropout in double precision, from the equations: tanh in closed form, or any φ by a given quadrature. */
function reference(
  w: ReferenceWeights,
  rates: { input: number; recurrent: number; output: number },
  moments: (m: number, v: number) => [number, number],
): number {
  const at = (name: string, i: number, j: number) => w[name]!.data[i * w[name]!.shape[1]! + j]!;
  let nll = 0;
  for (let b = 0; b < B; b++) {
    let [h, s] = [new Array<number>(H).fill(0), new Array<number>(H).fill(0)];
    for (let t = 0; t < T; t++) {
      const frame = (values: ArrayLike<number>, k: number) => values[(t * B + b) * D + k]!;
      const drop = (p: number, m: number, v: number) => [(1 - p) * m, (1 - p) * v + (1 - p) * p * m * m] as const;
      const next = Array.from({ length: H }, (_, j) => {
        let [m, v] = [w['layer-0/bias']!.data[j]!, 0];
        for (let i = 0; i < D; i++) {
          const [dm, dv] = drop(rates.input, frame(batch.inputs, i), 0);
          m += dm * at('layer-0/input', i, j);
          v += dv * at('layer-0/input', i, j) ** 2;
        }
        for (let i = 0; i < H; i++) {
          const [dm, dv] = drop(rates.recurrent, h[i]!, s[i]!);
          m += dm * at('layer-0/recurrent', i, j);
          v += dv * at('layer-0/recurrent', i, j) ** 2;
        }
        return moments(m, v);
      });
      [h, s] = [next.map(([m]) => m), next.map(([, v]) => v)];
      for (let k = 0; k < D; k++) {
        let [m, v] = [w['output/bias']!.data[k]!, 0];
        for (let j = 0; j < H; j++) {
          const [dm, dv] = drop(rates.output, h[j]!, s[j]!);
          m += dm * at('output/weight', k, j);
          v += dv * at('output/weight', k, j) ** 2;
        }
        const y = sigmoid(m / Math.sqrt(1 + (Math.PI * v) / 8));
        const target = frame(batch.targets, k);
        nll -= target * Math.log(y) + (1 - target) * Math.log(1 - y);
      }
    }
  }
  return nll;
}

function closedSigmoid(m: number, v: number): [number, number] {
  const [alpha, beta] = [4 - 2 * Math.SQRT2, -Math.log(Math.SQRT2 - 1)];
  const first = sigmoid(m / Math.sqrt(1 + (Math.PI * v) / 8));
  const second = sigmoid((alpha * (m - beta)) / Math.sqrt(1 + (Math.PI * alpha * alpha * v) / 8));
  return [first, Math.max(0, second - first * first)];
}

const closedTanh = (m: number, v: number): [number, number] => {
  const [first, second] = closedSigmoid(2 * m, 4 * v);
  return [2 * first - 1, 4 * second];
};

function byRule(f: (x: number) => number, nodes: number): (m: number, v: number) => [number, number] {
  const rule = gaussHermite(nodes);
  return (m, v) => {
    const s = Math.sqrt(Math.max(v, 1e-12));
    const values = rule.map(({ node, weight }) => [f(m + s * node), weight] as const);
    const first = values.reduce((sum, [value, weight]) => sum + value * weight, 0);
    return [first, values.reduce((sum, [value, weight]) => sum + weight * (value - first) ** 2, 0)];
  };
}

describe('fast-dropout', () => {
  const rates = { input: 0.1, recurrent: 0.2, output: 0.5 };
  const cases: [string, object, (m: number, v: number) => [number, number]][] = [
    ['tanh in closed form', {}, closedTanh],
    ['sigmoid in closed form', { activation: 'sigmoid' }, closedSigmoid],
    ['tanh by quadrature', { moments: 'quadrature', nodes: 12 }, byRule(Math.tanh, 12)],
    ['sigmoid by quadrature', { activation: 'sigmoid', moments: 'quadrature', nodes: 8 }, byRule(sigmoid, 8)],
  ];
  for (const [name, options, moments] of cases)
    it(`${name}: loss and every gradient against double-precision differences`, async () => {
      const model = build({ ...rates, ...options });
      const weights = model.initialize(createRng(2));
      const result = model.lossAndGradients(weights, batch, model.initialState(B), 1, pass);
      const exact = await toReference(weights);
      const nll = () => reference(exact, rates, moments);
      expect(relativeError(await result.nll.data(), [nll()])).to.be.below(1e-5);
      const expected = centralDifferences(exact, nll);
      for (const [weight, gradient] of Object.entries(result.gradients))
        expect(relativeError(await gradient.data(), expected[weight]!), weight).to.be.below(1e-5);
    });

  it('is the plain network at rate 0 with quadrature', async () => {
    for (const activation of ['tanh', 'sigmoid', 'relu']) {
      const model = build({ activation, moments: 'quadrature', nodes: 10 });
      const weights = model.initialize(createRng(2));
      const plain = createSequenceModel({
        config: { ...smallModel, layers: 1, hiddenSize: H, tied: false },
        task,
        cell: registry.create('cell', { name: 'rnn', activation }),
        regularizers: [],
      });
      const state = (of: typeof model) => of.initialState(B);
      const [a, b] = [model.score(weights, batch, state(model), pass), plain.score(weights, batch, state(plain), pass)];
      expect(relativeError(await a.nll.data(), await b.nll.data()), activation).to.be.below(1e-5);
    }
  });

  it('carries moments through several layers, to Gaussian outputs too', async () => {
    const model = build({ ...rates, moments: 'quadrature' }, 'gaussian', 2);
    const weights = model.initialize(createRng(2));
    const result = model.lossAndGradients(weights, batch, model.initialState(B), 1, pass);
    expect((await result.nll.data())[0]).to.be.finite;
    expect((await tf.sum(tf.abs(result.gradients['layer-0/input']!)).data())[0]).to.be.above(0);
    for (const layer of result.state) expect(Math.min(...(await layer.variance!.data()))).to.be.at.least(0);
  });

  describe('moments of φ(a), against 10^6 samples', () => {
    const count = 1_000_000;
    const normals = createRng(4).normals(count);
    const points: [number, number][] = [
      [0, 1],
      [0.7, 0.3],
      [-1.5, 2],
      [2, 4],
    ];
    for (const activation of ['tanh', 'sigmoid', 'relu'] as Activation[])
      for (const [m, v] of points)
        it(`${activation}, mean ${m}, variance ${v}`, async () => {
          const f = activations[activation];
          let [sum, squares] = [0, 0];
          for (const n of normals) {
            const value = f(m + Math.sqrt(v) * n);
            sum += value;
            squares += value * value;
          }
          const mean = sum / count;
          const variance = squares / count - mean * mean;
          const [tm, tv] = [tf.tensor1d([m]), tf.tensor1d([v])];
          const closed = closedForm(activation, tm, tv);
          const exact = quadrature(activation, tm, tv, gaussHermite(40));
          const at = async (t: tf.Tensor) => (await t.data())[0]!;
          // Five standard errors of the mean; a kink costs the quadrature of relu some digits.
          const error = 5 * Math.sqrt(variance / count) + (activation === 'relu' ? 0.01 : 1e-4);
          expect(await at(exact.mean)).to.be.closeTo(mean, error);
          expect(await at(exact.variance)).to.be.closeTo(
            variance,
            5 * variance * 0.005 + (activation === 'relu' ? 0.03 : 0),
          );
          // The approximation of σ: means within 0.005 (twice that for tanh), variances too large, by at most double.
          expect(await at(closed.mean)).to.be.closeTo(
            mean,
            activation === 'relu' ? error : activation === 'tanh' ? 0.02 : 0.01,
          );
          expect((await at(closed.variance)) / variance).to.be.within(0.95, activation === 'relu' ? 1.05 : 2);
        });
  });

  it('has a quadrature rule that is exact for polynomials', () => {
    for (const nodes of [2, 5, 16, 64]) {
      const rule = gaussHermite(nodes);
      expect(rule).to.have.length(nodes);
      const moment = (k: number) => rule.reduce((sum, { node, weight }) => sum + weight * node ** k, 0);
      expect(moment(0)).to.be.closeTo(1, 1e-10);
      expect(moment(1)).to.be.closeTo(0, 1e-10);
      expect(moment(2)).to.be.closeTo(1, 1e-10);
      if (nodes > 2) expect(moment(4)).to.be.closeTo(3, 1e-9);
    }
  });

  it('clamps a variance that would round below zero', async () => {
    const values = tf.linspace(-8, 8, 400);
    for (const activation of ['tanh', 'sigmoid', 'relu'] as Activation[]) {
      const { variance } = closedForm(activation, values, tf.zerosLike(values));
      expect(Math.min(...(await variance.data()))).to.be.at.least(0);
    }
  });

  it('refuses a language model, and rates of one', () => {
    const code = (run: () => unknown) => {
      try {
        run();
      } catch (error) {
        return (error as RnnxError).code;
      }
      return 'none';
    };
    const words = createSequenceModel({
      config: { ...smallModel, layers: 1, hiddenSize: H },
      task: wordTask(7),
      cell: registry.create('cell', 'fast-dropout'),
      regularizers: [],
    });
    const weights = words.initialize(createRng(1));
    const data = { steps: 1, batch: 1, inputs: Int32Array.of(1), targets: Int32Array.of(2), mask: null };
    expect(code(() => words.score(weights, data, words.initialState(1), pass))).to.equal('RNNX_OPTION_CONFLICT');
    for (const option of ['input', 'recurrent', 'output'])
      for (const value of [1, -0.1]) expect(code(() => build({ [option]: value }))).to.equal('RNNX_CONFIG_INVALID');
  });
});
