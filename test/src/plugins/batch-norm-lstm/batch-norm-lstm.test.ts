import batchNorm from '@rnnx/batch-norm-lstm';
import cells from '@rnnx/cells';
import {
  createRng,
  createSequenceModel,
  estimateStatistics,
  type Minibatch,
  PluginRegistry,
  type RnnxError,
  type SequenceModel,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { readGolden } from '../../support/golden.js';
import { smallModel, tokenBatch, wordTask } from '../../support/models.js';
import { onNative } from '../../support/native.js';
import { relativeError } from '../../support/reference-model.js';

interface Case {
  readonly cell: 'lstm' | 'rnn';
  readonly sizes: { V: number; H: number; T: number; B: number };
  readonly inputs: number[];
  readonly targets: number[];
  readonly weights: Record<string, number[]>;
  readonly gradients: Record<string, number[]>;
  readonly nll: number;
  /** Mean and variance of each quantity and step over the minibatch, `[2, N]`. */
  readonly seen: Record<string, number[]>;
  readonly population: Record<string, number[]>;
  readonly evaluated: number;
}

const { cases } = readGolden<{ cases: Case[] }>('batch-norm.json');

const registry = new PluginRegistry([...cells, ...batchNorm]);

function build(cell: string | { name: string; reset: string }, V: number, H: number, options = {}): SequenceModel {
  const regularizer = registry.create('regularizer', { name: 'batch-norm-lstm', ...options });
  return createSequenceModel({
    config: { ...smallModel, layers: 1, hiddenSize: H },
    task: wordTask(V),
    cell: registry.create('cell', cell),
    regularizers: [{ name: 'batch-norm-lstm', regularizer }],
  });
}

const pass = { copies: 1, average: 'probabilities', rng: createRng(1) } as const;

const upload = (model: SequenceModel, values: Record<string, number[]>) =>
  Object.fromEntries(model.specs.map(({ name, shape }) => [name, tf.tensor(values[name]!, [...shape])]));

const plan = (...batches: Minibatch[]) => ({
  length: batches.length,
  at: (index: number) => ({ batch: batches[index]!, fresh: true, count: 1 }),
});

async function nllOf(model: SequenceModel, weights: Record<string, tf.Tensor>, batch: Minibatch): Promise<number> {
  const state = model.initialState(batch.batch);
  const result = model.score(weights, batch, state, { ...pass, phase: 'evaluate' });
  const [nll] = await result.nll.data();
  tf.dispose([result as never, state as never]);
  return nll!;
}

function goldenCases(): void {
  for (const { cell, sizes, inputs, targets, ...expected } of cases) {
    const { V, H, T, B } = sizes;
    const batch = {
      steps: T,
      batch: B,
      inputs: Int32Array.from(inputs),
      targets: Int32Array.from(targets),
      mask: null,
    };

    it(`trains ${cell} as PyTorch's batch_norm at each step does, gradients through the statistics`, async () => {
      const model = build(cell, V, H);
      const weights = upload(model, expected.weights);
      const result = model.lossAndGradients(weights, batch, model.initialState(B), 1, { ...pass, phase: 'train' });
      expect(relativeError(await result.nll.data(), [expected.nll])).to.be.below(1e-5);
      expect(Object.keys(result.gradients)).to.have.members(Object.keys(expected.gradients));
      for (const [name, gradient] of Object.entries(result.gradients)) {
        const wanted = expected.gradients[name]!;
        // The recurrent product of the zero state has no variance: float32 keeps fewer digits of 1/√ε.
        expect(relativeError(await gradient.data(), wanted), name).to.be.below(2e-5);
      }
    });

    it(`observes the statistics of ${cell} and evaluates with those of the population`, async () => {
      const model = build(cell, V, H);
      const weights = upload(model, expected.weights);
      const seen = await estimateStatistics(model, weights, plan(batch), createRng(1));
      expect(Object.keys(seen)).to.have.members(
        Object.keys(expected.seen).map((name) => `statistics/batch-norm-lstm/${name}`),
      );
      for (const [name, value] of Object.entries(seen)) {
        const wanted = expected.seen[name.slice('statistics/batch-norm-lstm/'.length)]!;
        const data = await value.data();
        for (const [i, v] of wanted.entries()) expect(data[i]!, name).to.be.closeTo(v, 1e-5);
      }
      const statistics = Object.fromEntries(
        Object.entries(expected.population).map(([name, values]) => [
          `statistics/batch-norm-lstm/${name}`,
          tf.tensor(values, [2, 1, values.length / 2]),
        ]),
      );
      expect(
        relativeError([await nllOf(model, { ...weights, ...statistics }, batch)], [expected.evaluated]),
      ).to.be.below(1e-5);
    });
  }
}

describe('batch-norm-lstm', () => {
  goldenCases();

  describe('on the native backend, the LSTM as one kernel', () => {
    onNative();
    goldenCases();
  });

  it('gives the training output where the population is the minibatch', async () => {
    for (const cell of ['lstm', 'gru', { name: 'gru', reset: 'before' }, 'rnn']) {
      const model = build(cell, 7, 4);
      const weights = model.initialize(createRng(3));
      const batch = tokenBatch(5, 6);
      const statistics = await estimateStatistics(model, weights, plan(batch), createRng(1));
      const trained = model.score(weights, batch, model.initialState(6), { ...pass, phase: 'train' });
      const evaluated = await nllOf(model, { ...weights, ...statistics }, batch);
      expect(relativeError([evaluated], await trained.nll.data())).to.be.below(1e-5);
    }
  });

  it('averages the statistics of the minibatches', async () => {
    const model = build('lstm', 7, 4);
    const weights = model.initialize(createRng(3));
    const batches = [tokenBatch(3, 6, 7, 1), tokenBatch(3, 6, 7, 2)] as const;
    const [first, second] = [
      await estimateStatistics(model, weights, plan(batches[0]), createRng(1)),
      await estimateStatistics(model, weights, plan(batches[1]), createRng(1)),
    ];
    const both = await estimateStatistics(model, weights, plan(...batches), createRng(1));
    const name = 'statistics/batch-norm-lstm/readout-0/0/2';
    const mean = await tf.div(tf.add(first[name]!, second[name]!), 2).data();
    expect(relativeError(await both[name]!.data(), mean)).to.be.below(1e-6);
    const limited = build('lstm', 7, 4, { estimationBatches: 1 });
    const one = await estimateStatistics(limited, weights, plan(...batches), createRng(1));
    expect([...(await one[name]!.data())]).to.deep.equal([...(await first[name]!.data())]);
  });

  it('uses the last statistics for steps past T_max, and stays causal', async () => {
    const model = build('lstm', 7, 4, { maxSteps: 3 });
    const weights = model.initialize(createRng(3));
    const statistics = await estimateStatistics(model, weights, plan(tokenBatch(5, 6)), createRng(1));
    expect(Object.keys(statistics).map((name) => name.split('/').at(-1))).to.have.all.members(
      Object.keys(statistics).map((_, i) => String(i % 3)),
    );
    const long = tokenBatch(9, 2);
    expect(await nllOf(model, { ...weights, ...statistics }, long)).to.be.finite;
    // The same tokens in two windows: `start` tells the second one which statistics are due.
    const part = (from: number, to: number): Minibatch => ({
      ...long,
      steps: to - from,
      inputs: long.inputs.slice(from * 2, to * 2),
      targets: long.targets.slice(from * 2, to * 2),
      start: from,
    });
    const all = { ...weights, ...statistics };
    const first = model.score(all, part(0, 2), model.initialState(2), { ...pass, phase: 'evaluate' });
    const second = model.score(all, part(2, 9), first.state, { ...pass, phase: 'evaluate' });
    const sum = (await first.nll.data())[0]! + (await second.nll.data())[0]!;
    expect(relativeError([sum], [await nllOf(model, all, long)])).to.be.below(1e-5);
  });

  it('leaves padding out of the statistics', async () => {
    const model = build('lstm', 7, 4);
    const weights = model.initialize(createRng(3));
    const narrow = tokenBatch(3, 4);
    const wide = (values: Int32Array | Float32Array, fill: number) =>
      Int32Array.from({ length: 3 * 6 }, (_, i) => (i % 6 < 4 ? values[Math.floor(i / 6) * 4 + (i % 6)]! : fill));
    const padded: Minibatch = {
      steps: 3,
      batch: 6,
      inputs: wide(narrow.inputs, 5),
      targets: wide(narrow.targets, 0),
      mask: Float32Array.from({ length: 18 }, (_, i) => Number(i % 6 < 4)),
    };
    const [a, b] = [
      model.score(weights, narrow, model.initialState(4), { ...pass, phase: 'train' }),
      model.score(weights, padded, model.initialState(6), { ...pass, phase: 'train' }),
    ];
    expect(relativeError(await b.nll.data(), await a.nll.data())).to.be.below(1e-5);
  });

  it('adds noise to the initial state in training, where the state begins, and nowhere else', async () => {
    const noise = (phase: 'train' | 'evaluate') =>
      registry
        .create('regularizer', { name: 'batch-norm-lstm', initialNoise: 0.1 })
        .perturb({
          phase,
          model: build('lstm', 7, 4).shape,
          batch: 6,
          steps: 3,
          rng: createRng(5),
          parameters: { 'gamma-input-0': tf.ones([16]), 'gamma-recurrent-0': tf.ones([16]) },
          statistics: {
            'input-0/0/0': tf.ones([2, 1, 16]),
            'recurrent-0/0/0': tf.ones([2, 1, 16]),
            'readout-0/0/0': tf.ones([2, 1, 4]),
          },
        })
        .filter(({ site }) => site === 'initial');
    expect(noise('evaluate')).to.be.empty;
    const [shift] = noise('train');
    expect(shift).to.include({ kind: 'shift', layer: 0 });
    expect((shift as { value: tf.Tensor }).value.shape).to.deep.equal([1, 6, 4]);
    const model = build('lstm', 7, 4, { initialNoise: 0.5 });
    const weights = model.initialize(createRng(3));
    const score = async (start: number) => {
      const data = { ...tokenBatch(3, 6), start };
      const result = model.score(weights, data, model.initialState(6), { ...pass, phase: 'train' });
      return (await result.nll.data())[0];
    };
    expect(await score(0)).not.to.equal(await score(3));
    const quiet = build('lstm', 7, 4);
    const result = quiet.score(weights, tokenBatch(3, 6), quiet.initialState(6), { ...pass, phase: 'train' });
    expect(await score(3)).to.equal((await result.nll.data())[0]);
  });

  it('keeps that noise at test where asked to, with statistics that were estimated under it', async () => {
    for (const cell of ['lstm', 'rnn']) {
      const options = { initialNoise: 0.5, initialNoiseAtTest: true };
      const [noisy, quiet] = [build(cell, 7, 4, options), build(cell, 7, 4, { initialNoise: 0.5 })];
      expect(noisy.monteCarlo).to.deep.equal({ train: 1, evaluate: 1, average: 'probabilities' });
      expect(quiet.monteCarlo.evaluate).to.equal(0);
      expect(build(cell, 7, 4, { initialNoiseAtTest: true }).monteCarlo.evaluate, 'no noise to keep').to.equal(0);

      // One minibatch under the noise of its training pass is the population: evaluated under the same noise it gives the same.
      const weights = noisy.initialize(createRng(3));
      const batch = tokenBatch(5, 6);
      const statistics = await estimateStatistics(noisy, weights, plan(batch), createRng(1));
      const rng = createRng(1).stream('step-1');
      const score = async (phase: 'train' | 'sample', extra: object, keyed = rng) => {
        const options = { ...pass, phase, rng: keyed };
        const { nll } = noisy.score({ ...weights, ...extra }, batch, noisy.initialState(6), options);
        return (await nll.data())[0]!;
      };
      const trained = await score('train', {});
      expect(relativeError([await score('sample', statistics)], [trained])).to.be.below(1e-5);
      expect(await score('sample', statistics, createRng(2))).not.to.equal(trained);

      const without = await estimateStatistics(quiet, weights, plan(batch), createRng(1));
      const spread = async (all: Record<string, tf.Tensor>) =>
        (await all['statistics/batch-norm-lstm/recurrent-0/0/0']!.data()).slice(-1)[0];
      expect(await spread(without), 'variance of h_0 W_h').to.be.closeTo(0, 1e-9);
      expect(await spread(statistics)).to.be.above(1e-3);
    }
  });

  it('averages other noise over minibatches while it estimates', async () => {
    const model = build('lstm', 7, 4, { initialNoise: 0.5, initialNoiseAtTest: true });
    const weights = model.initialize(createRng(3));
    const batch = tokenBatch(3, 6);
    const name = 'statistics/batch-norm-lstm/recurrent-0/0/0';
    const [once, twice] = [
      await estimateStatistics(model, weights, plan(batch), createRng(1)),
      await estimateStatistics(model, weights, plan(batch, batch), createRng(1)),
    ];
    expect([...(await twice[name]!.data())]).not.to.deep.equal([...(await once[name]!.data())]);
  });

  it('refuses one example a minibatch, and an evaluation without statistics', async () => {
    const model = build('lstm', 7, 4);
    const weights = model.initialize(createRng(3));
    const code = (run: () => unknown) => {
      try {
        run();
      } catch (error) {
        return (error as RnnxError).code;
      }
      return 'none';
    };
    const score = (phase: 'train' | 'evaluate', size: number) => () =>
      model.score(weights, tokenBatch(3, size), model.initialState(size), { ...pass, phase });
    expect(code(score('train', 1))).to.equal('RNNX_OPTION_CONFLICT');
    expect(code(score('evaluate', 2))).to.equal('RNNX_STATISTICS_MISSING');
  });
});
