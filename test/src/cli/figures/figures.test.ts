import batchNorm from '@rnnx/batch-norm-lstm';
import cells from '@rnnx/cells';
import { createRng, createSequenceModel, evaluate, initialize, type LanguageTask, PluginRegistry } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { bitsByLength } from '../../../../cli/dist/figures/bits-by-length.js';
import { gradientNorms } from '../../../../cli/dist/figures/gradient-norm.js';
import { lossSurface, oneUnitLoss } from '../../../../cli/dist/figures/loss-surface.js';
import { populationStatistics } from '../../../../cli/dist/figures/population-statistics.js';
import { tanhDerivative } from '../../../../cli/dist/figures/tanh-derivative.js';
import { onBackend } from '../../support/backend.js';
import { smallModel, testRegistry, wordTask } from '../../support/models.js';
import { failureOf } from '../helpers.js';

const modelOf = (task: LanguageTask) =>
  createSequenceModel({ config: smallModel, task, cell: testRegistry().create('cell', 'lstm'), regularizers: [] });

describe('the papers’ figures', () => {
  onBackend('cpu');

  it('have the mean derivative of tanh that quadrature gives', () => {
    const quadrature = (sigma: number) => {
      let sum = 0;
      for (let i = -4000; i <= 4000; i++) {
        const z = i / 500; // trapezoids over ±8 standard deviations
        sum += (1 - Math.tanh(sigma * z) ** 2) * Math.exp((-z * z) / 2);
      }
      return sum / 500 / Math.sqrt(2 * Math.PI);
    };
    const draws = 20_000;
    for (const { deviation, mean, lower, upper } of tanhDerivative([0, 0.3, 1], draws, createRng(3))) {
      expect(mean).to.be.closeTo(quadrature(deviation), 5 / Math.sqrt(draws));
      // Quartiles of |z| are those of a normal at 0.625 and 0.875.
      expect(upper).to.be.closeTo(1 - Math.tanh(0.31864 * deviation) ** 2, 0.02);
      expect(lower).to.be.closeTo(1 - Math.tanh(1.15035 * deviation) ** 2, 0.02);
    }
  });

  it('have the loss of one unit as worked out by hand', () => {
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
    expect(oneUnitLoss(7, -2, { steps: 1, target: 0.7 })).to.be.closeTo((sigmoid(-2) - 0.7) ** 2, 1e-15);
    const two = (sigmoid(3 * sigmoid(-1) - 1) - 0.2) ** 2;
    expect(oneUnitLoss(3, -1, { steps: 2, target: 0.2 })).to.be.closeTo(two, 1e-15);
    const penalised = (norm: 'L1' | 'L2') =>
      oneUnitLoss(3, -1, { steps: 2, target: 0.2, penalty: { norm, lambda: 0.5 } });
    expect(penalised('L1')).to.be.closeTo(two + 0.5 * 4, 1e-15);
    expect(penalised('L2')).to.be.closeTo(two + 0.5 * 10, 1e-15);
    const { xs, ys, values } = lossSurface({ steps: 2, target: 0.2 }, [4, 4]);
    expect([xs[0], xs[4], ys[0], ys[4]]).to.deep.equal([-3, 10, -5, 0]);
    expect(values[3]![1]).to.equal(oneUnitLoss(xs[1]!, ys[3]!, { steps: 2, target: 0.2 }));
  });

  it('have the gradient by each state that differences give', async () => {
    const rng = createRng(1);
    const [batch, steps, units, classes, gamma, epsilon] = [4, 5, 3, 2, 0.7, 1e-5];
    const sequences = Array.from({ length: batch }, (_, n) => rng.stream(`pixels-${n}`).uniforms(steps));
    const labels = Int32Array.from({ length: batch }, (_, n) => n % classes);
    const recurrentInit = { name: 'orthogonal', gain: 1 } as const;
    const norms = await gradientNorms({ sequences, labels, classes, units, gamma, epsilon, recurrentInit, rng });
    expect(norms.map(([t]) => t)).to.deep.equal([1, 2, 3, 4, 5]);

    const matrix = (name: string, rows: number, columns: number) => {
      const values = initialize({ name: 'orthogonal', gain: 1 }, [rows, columns], 1, rng.stream(name));
      return Array.from({ length: rows }, (_, i) => [...values.subarray(i * columns, (i + 1) * columns)]);
    };
    const [recurrent, input, output] = [
      matrix('recurrent', units, units),
      matrix('input', 1, units),
      matrix('output', units, classes),
    ];
    const product = (a: number[][], b: number[][]) =>
      a.map((row) => b[0]!.map((_, j) => row.reduce((sum, value, i) => sum + value * b[i]![j]!, 0)));
    const normalised = (x: number[][]) => {
      const means = x[0]!.map((_, j) => x.reduce((sum, row) => sum + row[j]!, 0) / x.length);
      const variances = means.map((mean, j) => x.reduce((sum, row) => sum + (row[j]! - mean) ** 2, 0) / x.length);
      return x.map((row) => row.map((v, j) => (gamma * (v - means[j]!)) / Math.sqrt(variances[j]! + epsilon)));
    };
    /** Loss with `shift` added to one number of one state. */
    const loss = (at: number, example: number, unit: number, shift: number) => {
      const first = rng.stream('state').normals(batch * units);
      let h = Array.from({ length: batch }, (_, n) =>
        [...first.subarray(n * units, (n + 1) * units)].map((e) => 0.1 * e),
      );
      for (let t = 0; t < steps; t++) {
        const fromInput = normalised(
          product(
            sequences.map((sequence) => [sequence[t]!]),
            input,
          ),
        );
        h = normalised(product(h, recurrent)).map((row, n) => row.map((v, j) => Math.tanh(v + fromInput[n]![j]!)));
        if (t === at) h[example]![unit]! += shift;
      }
      return product(h, output).reduce((sum, logits, n) => {
        return sum + Math.log(logits.reduce((all, v) => all + Math.exp(v), 0)) - logits[labels[n]!]!;
      }, 0);
    };
    for (const [t, norm] of norms) {
      let mean = 0;
      for (let n = 0; n < batch; n++) {
        const slopes = Array.from(
          { length: units },
          (_, j) => (loss(t - 1, n, j, 1e-5) - loss(t - 1, n, j, -1e-5)) / 2e-5,
        );
        mean += Math.hypot(...slopes) / batch;
      }
      expect(norm, `step ${t}`).to.be.closeTo(mean, 1e-4 * Math.max(1, mean));
    }
  });

  it('have population statistics by unit and step, from a checkpoint', () => {
    const tensor = (...data: number[]) => ({ shape: [2, 1, 2], data: Float32Array.from(data) });
    const tensors = {
      'statistics/bn/cell-0/0/10': tensor(5, 6, 50, 60),
      'statistics/bn/cell-0/0/2': tensor(3, 4, 30, 40),
      'statistics/bn/cell-0/0/0': tensor(1, 2, 10, 20),
      'parameters/x': tensor(0, 0, 0, 0),
    };
    const charts = populationStatistics({ tensors } as never, 'row');
    expect(charts.map(({ title }) => title)).to.deep.equal(['row: mean of bn/cell-0', 'row: variance of bn/cell-0']);
    for (const [i, scale] of [1, 10].entries())
      expect(charts[i]!.series.map(({ points }) => points)).to.deep.equal([
        [
          [0, scale],
          [2, 3 * scale],
          [10, 5 * scale],
        ],
        [
          [0, 2 * scale],
          [2, 4 * scale],
          [10, 6 * scale],
        ],
      ]);
    expect(populationStatistics({ tensors: {} } as never, 'row')).to.deep.equal([]);
  });

  it('have the bits of an evaluation where one subsequence is the whole split, and refuse what does not fit', async () => {
    const tokens = createRng(2)
      .uniforms(41)
      .map((u) => Math.floor(u * 7));
    const stream = Int32Array.from(tokens);
    const task = { ...wordTask(7), metric: 'bits-per-character', start: stream[0]! } as const;
    const model = modelOf(task);
    const weights = model.initialize(createRng(1));
    const split = (from: number) => ({ kind: 'tokens', tokens: stream.subarray(from) }) as const;
    const splits = { train: split(0), valid: split(0), test: split(0) };
    const trained = { model, weights, dataset: { name: 'x', task, splits, notes: [] } };
    const [[length, bits]] = (await bitsByLength(trained, { lengths: [40], most: 1000 })) as [[number, number]];
    const whole = await evaluate(model, weights, split(1), { batchSize: 1, steps: 50 }, createRng(1));
    expect([length, whole.count]).to.deep.equal([40, 40]);
    expect(bits).to.be.closeTo(whole.metric, 1e-5);
    const [, cut] = (await bitsByLength(trained, { lengths: [10], most: 1000 }))[0]!;
    const parts = await Promise.all(
      [0, 10, 20, 30].map((from) => {
        const each = { kind: 'tokens', tokens: stream.subarray(from + 1, from + 11) } as const;
        const at = modelOf({ ...task, start: stream[from]! });
        return evaluate(at, weights, each, { batchSize: 1, steps: 50 }, createRng(1));
      }),
    );
    expect(cut).to.be.closeTo(parts.reduce((sum, { metric }) => sum + metric, 0) / 4, 1e-5);
    for (const bad of [0, 41, 2.5])
      expect((await failureOf(() => bitsByLength(trained, { lengths: [bad], most: 1000 }))).code).to.equal(
        'RNNX_OPTION_INVALID',
      );
    for (const minibatch of [1, 2.5, 0]) {
      const { code, details } = await failureOf(() => bitsByLength(trained, { lengths: [10], most: 40, minibatch }));
      expect([code, details.got]).to.deep.equal(['RNNX_OPTION_INVALID', `minibatches of ${minibatch}`]);
    }
    for (const weight of Object.values(weights)) weight.dispose();
  });

  it('have the bits of a training pass where the statistics are those of minibatches', async () => {
    const registry = new PluginRegistry([...cells, ...batchNorm]);
    const stream = Int32Array.from(createRng(2).uniforms(61), (u) => Math.floor(u * 7));
    const task = { ...wordTask(7), metric: 'bits-per-character' } as const;
    const options = { name: 'batch-norm-lstm', maxSteps: 5 } as const;
    const regularizers = [{ name: 'bn', regularizer: registry.create('regularizer', options) }];
    const model = createSequenceModel({
      config: smallModel,
      task,
      cell: registry.create('cell', 'lstm'),
      regularizers,
    });
    const weights = model.initialize(createRng(1));
    const split = { kind: 'tokens', tokens: stream } as const;
    const dataset = { name: 'x', task, splits: { train: split, valid: split, test: split }, notes: [] };
    const before = tf.memory().numTensors;
    const measured = await bitsByLength({ model, weights, dataset }, { lengths: [8], most: 60, minibatch: 3 });
    expect(tf.memory().numTensors, 'tensors left').to.equal(before);

    let bits = 0; // 7 subsequences of 8 make two minibatches of 3
    for (const first of [0, 3]) {
      const at = (t: number, n: number) => stream[(first + n) * 8 + t]!;
      const rows = (from: number) => Int32Array.from({ length: 24 }, (_, i) => at(from + Math.floor(i / 3), i % 3));
      const batch = { steps: 8, batch: 3, inputs: rows(0), targets: rows(1), mask: null };
      const pass = { phase: 'train', copies: 1, average: 'probabilities', rng: createRng(0) } as const;
      bits += (await model.score(weights, batch, model.initialState(3), pass).nll.data())[0]! / Math.LN2;
    }
    expect(measured[0]![0]).to.equal(8);
    expect(measured[0]![1]).to.be.closeTo(bits / 48, 1e-5);
    for (const weight of Object.values(weights)) weight.dispose();
  });
});
