import activationPenalty from '@rnnx/activation-penalty';
import batchNorm from '@rnnx/batch-norm-lstm';
import {
  type AnyMinibatch,
  createRng,
  createSequenceModel,
  estimateStatistics,
  type NamedRegularizer,
  type Perturbation,
  type PerturbContext,
  type PluginRef,
  PluginRegistry,
  type Regularizer,
  type SequenceModel,
} from '@rnnx/core';
import distributions from '@rnnx/distributions';
import dropout from '@rnnx/dropout';
import fastDropout from '@rnnx/fast-dropout';
import noisin from '@rnnx/noisin';
import tikhonov from '@rnnx/tikhonov';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import {
  buildReader,
  type ClozeSizes,
  clozeBatch,
  clozeTask,
  gradientsOf,
  scoreOf,
  trainingPass,
} from '../../support/cloze.js';
import { refusal } from '../../support/errors.js';
import { readGolden } from '../../support/golden.js';
import { smallModel, testRegistry, tokenBatch, wordTask } from '../../support/models.js';
import { onNative } from '../../support/native.js';
import { relativeError } from '../../support/reference-model.js';

const registry = new PluginRegistry([
  ...[...distributions, ...batchNorm, ...dropout, ...noisin, ...tikhonov, ...activationPenalty, ...fastDropout],
]);

function named(ref: PluginRef): NamedRegularizer {
  const name = typeof ref === 'string' ? ref : ref.name;
  return { name, regularizer: registry.create('regularizer', ref) };
}

interface Case {
  readonly kind: 'lstm' | 'bn-lstm' | 'everywhere';
  readonly sizes: { V: number; E: number; H: number; A: number };
  readonly texts: { document: number[][]; question: number[][] };
  readonly answers: number[];
  readonly weights: Record<string, number[]>;
  readonly gradients: Record<string, number[]>;
  readonly nll: number;
  readonly errors: number;
  /** Mean and variance of each normalised quantity and position, `[2, N]`. */
  readonly seen: Record<string, number[]>;
  readonly population: Record<string, number[]>;
  readonly evaluated: number;
}

const sizes: ClozeSizes = { vocabulary: 9, answers: 4 };
const passages = [
  [2, 3, 4, 5, 6, 7],
  [8, 0, 5],
  [5, 5, 6, 0, 2, 3],
  [7, 3, 8, 1],
];
const questions = [
  [2, 1],
  [3, 3, 4, 8],
  [0, 1, 7],
  [6, 4, 2, 0],
];
const answers = [0, 3, 1, 2];
const batch = clozeBatch(passages, questions, answers);

function ready(model: SequenceModel, run: (weights: Record<string, tf.Tensor>) => Promise<void>): Promise<void> {
  const weights = model.initialize(createRng(11));
  return run(weights).finally(() => tf.dispose(weights));
}

function checkGolden(): void {
  for (const { kind, sizes, texts, ...expected } of readGolden<{ cases: Case[] }>('attentive-reader.json').cases)
    it(`has the values and gradients of a PyTorch implementation without padding: ${kind}`, async () => {
      const options = { name: 'batch-norm-lstm', attention: kind === 'everywhere' };
      const config = { hiddenSize: sizes.H, embeddingSize: sizes.E };
      const model = buildReader(
        { vocabulary: sizes.V, answers: sizes.A },
        config,
        kind === 'lstm' ? [] : [named(options)],
      );
      const upload = (values: number[], shape: readonly number[]) => tf.tensor(values, [...shape]);
      const entries = model.specs.map(({ name, shape }) => [name, upload(expected.weights[name]!, shape)] as const);
      expect(Object.keys(expected.weights)).to.have.members(entries.map(([name]) => name));
      const weights = Object.fromEntries(entries);
      const data = clozeBatch(texts.document, texts.question, expected.answers);

      const trained = await gradientsOf(model, weights, data);
      expect(relativeError([trained.nll], [expected.nll])).to.be.below(1e-5);
      expect(trained.errors).to.equal(expected.errors);
      // The products before a normalisation have almost no gradient along their scale: rounding weighs more there.
      for (const [name, gradient] of Object.entries(trained.gradients))
        expect(relativeError(gradient, expected.gradients[name]!), name).to.be.below(kind === 'lstm' ? 1e-5 : 2e-4);
      if (kind !== 'lstm') {
        const plan = { length: 1, at: () => ({ batch: data as AnyMinibatch, fresh: true, count: 4 }) };
        const seen = await estimateStatistics(model, weights, plan, createRng(1));
        expect(Object.keys(seen)).to.have.members(Object.keys(expected.seen).map((name) => `statistics/${name}`));
        for (const [name, value] of Object.entries(seen)) {
          const golden = expected.seen[name.slice('statistics/'.length)]!;
          expect(relativeError(await value.data(), golden), name).to.be.below(1e-4);
        }
        const population = Object.fromEntries(
          Object.entries(seen).map(([name, value]) => [
            name,
            upload(expected.population[name.slice('statistics/'.length)]!, value.shape),
          ]),
        );
        const { nll } = await scoreOf(model, { ...weights, ...population }, data);
        expect(relativeError([nll], [expected.evaluated])).to.be.below(1e-5);
        tf.dispose([seen, population]);
      }
      tf.dispose(weights);
    });
}

describe('the Attentive Reader', () => {
  checkGolden();

  describe('on the native backend', () => {
    onNative();
    checkGolden();
  });

  it('reads each question apart: a minibatch scores as its questions do alone', () =>
    ready(buildReader(sizes), async (weights) => {
      const model = buildReader(sizes);
      const together = await gradientsOf(model, weights, batch);
      const sums: Record<string, number[]> = {};
      let [nll, errors] = [0, 0];
      for (const n of answers.keys()) {
        const alone = await gradientsOf(model, weights, clozeBatch([passages[n]!], [questions[n]!], [answers[n]!]));
        nll += alone.nll;
        errors += alone.errors;
        for (const [name, values] of Object.entries(alone.gradients))
          sums[name] = [...values].map((value, i) => value + (sums[name]?.[i] ?? 0));
      }
      expect(relativeError([together.nll], [nll])).to.be.below(1e-6);
      expect(together.errors).to.equal(errors);
      for (const [name, values] of Object.entries(together.gradients))
        expect(relativeError(values, sums[name]!), name).to.be.below(1e-5);
    }));

  for (const refs of [[], ['batch-norm-lstm'], [{ name: 'batch-norm-lstm', attention: true }]])
    it(`never sees what the padding is: ${JSON.stringify(refs)}`, () => {
      const model = buildReader(sizes, {}, refs.map(named));
      return ready(model, async (weights) => {
        const one = await gradientsOf(model, weights, batch);
        const other = await gradientsOf(model, weights, clozeBatch(passages, questions, answers, 6));
        expect(relativeError([other.nll], [one.nll])).to.be.below(1e-6);
        for (const [name, values] of Object.entries(other.gradients))
          expect(relativeError(values, one.gradients[name]!), name).to.be.below(1e-4);
      });
    });

  describe('has gradients as differences of the loss say', () => {
    const variants: [what: string, ...Parameters<typeof buildReader>][] = [
      ['two layers of LSTM, learned first states', sizes, { layers: 2, initialState: 'learned' }],
      ['GRU', sizes, { cell: 'gru' }],
      ['RNN with NOISIN', sizes, { cell: 'rnn' }, [named({ name: 'noisin', spread: 0.5 })]],
      ['LSTM with dropout', sizes, { embeddingSize: 3 }, [named({ name: 'dropout', input: 0.3, output: 0.4 })]],
      ['BN-everywhere', sizes, {}, [named({ name: 'batch-norm-lstm', gamma: 0.5, epsilon: 0.05, attention: true })]],
      ['a penalty', sizes, {}, [named({ name: 'activation-penalty', activation: 0.1, temporal: 0.1, layers: 'all' })]],
    ];
    for (const [what, ...made] of variants)
      it(what, () => {
        const [of, config, regularizers] = made;
        // Large enough for the attention to choose, so that its parameters have a gradient to compare.
        const model = buildReader(of, { ...config, init: { name: 'uniform', scale: 1.5 } }, regularizers);
        return ready(model, async (weights) => {
          const { gradients } = await gradientsOf(model, weights, batch);
          for (const [name, gradient] of Object.entries(gradients)) {
            const norm = Math.hypot(...gradient);
            // A shift that the softmax or a normalisation takes out again has none.
            if (norm < 1e-4) continue;
            const noise = createRng(5).stream(name).normals(gradient.length);
            const scale = Math.hypot(...noise);
            const direction = gradient.map((value, i) => value / norm + (0.5 * noise[i]!) / scale);
            const slope = gradient.reduce((sum, value, i) => sum + value * direction[i]!, 0);
            const lossAt = async (step: number) => {
              const moved = tf.add(
                weights[name]!,
                tf.tensor(
                  direction.map((d) => d * step),
                  weights[name]!.shape,
                ),
              );
              const { loss } = await gradientsOf(model, { ...weights, [name]: moved }, batch);
              moved.dispose();
              return loss;
            };
            const h = 0.02;
            const [a, b, c, d] = [await lossAt(-2 * h), await lossAt(-h), await lossAt(h), await lossAt(2 * h)];
            expect((a! - 8 * b! + 8 * c! - d!) / (12 * h), name).to.be.closeTo(slope, 0.01 * norm + 3e-4);
          }
          const trained = Object.keys(gradients).filter((name) => Math.hypot(...gradients[name]!) >= 1e-4);
          for (const name of ['embedding', 'attention/score', 'attention/question', 'joint/document', 'output/weight'])
            expect(trained, 'parameters that learn').to.include(name);
        });
      });
  });

  it('predicts the likeliest answer of averaged copies, which without noise are all alike', () =>
    ready(buildReader(sizes), async (weights) => {
      const model = buildReader(sizes);
      const one = await scoreOf(model, weights, batch);
      for (const average of ['probabilities', 'log-probabilities'] as const) {
        const three = await scoreOf(model, weights, batch, { ...trainingPass, phase: 'sample', copies: 3, average });
        expect(relativeError([three.nll], [one.nll])).to.be.below(1e-6);
        expect(three.errors).to.equal(one.errors);
      }
      const right = await scoreOf(model, { ...weights, 'output/bias': tf.tensor1d([50, 0, 0, 0]) }, batch);
      expect(right.errors).to.equal(3);
    }));

  it('carries nothing, and leaves no tensor behind', async () => {
    const model = buildReader(sizes, {}, [named({ name: 'batch-norm-lstm', attention: true }), named('dropout')]);
    expect(model.initialState(4)).to.deep.equal([]);
    const before = tf.memory().numTensors;
    const weights = model.initialize(createRng(1));
    for (let i = 0; i < 2; i++) await gradientsOf(model, weights, batch);
    tf.dispose(weights);
    expect(tf.memory().numTensors).to.equal(before);
  });
});

/** A regularizer that returns what it is given and keeps what it was asked. */
function probe(perturb: (context: PerturbContext) => readonly Perturbation[]) {
  const contexts: PerturbContext[] = [];
  const regularizer: Regularizer = {
    perturb: (context) => {
      contexts.push(context);
      return perturb(context);
    },
  };
  return { contexts, regularizers: [{ name: 'probe', regularizer }] };
}

describe('regularizers of the Attentive Reader', () => {
  it('see each reader as a model of its own', () => {
    const { contexts, regularizers } = probe(() => []);
    const model = buildReader(sizes, { layers: 2, embeddingSize: 3 }, regularizers);
    return ready(model, async (weights) => {
      await scoreOf(model, weights, batch);
      expect(contexts.map(({ steps }) => steps)).to.deep.equal([6, 4]);
      expect(contexts.map(({ mask }) => mask!.shape)).to.deep.equal([
        [6, 4],
        [4, 4],
      ]);
      for (const { model, batch } of contexts) {
        expect(model.layers.map(({ inputSize }) => inputSize)).to.deep.equal([3, 4]);
        expect(batch).to.equal(4);
      }
      expect(contexts.map(({ model }) => model.attention!.length)).to.deep.equal([4, 0]);
      const [first, second] = contexts.map(({ rng }) => rng.uniforms(3));
      expect(first, 'noise of their own').not.to.deep.equal(second);
      expect(model.shape.layers).to.have.length(4);
    });
  });

  it('have parameters for each reader, and report them', () => {
    const model = buildReader(sizes, {}, [named({ name: 'noisin', spread: 0.5, learned: true })]);
    const names = model.specs.map(({ name }) => name).filter((name) => name.startsWith('noisin/'));
    expect(names).to.have.length(2);
    expect(names.map((name) => name.split('/')[1])).to.deep.equal(['document', 'question']);
    return ready(model, async (weights) => {
      const report = model.report(weights);
      expect(Object.keys(report).map((name) => name.split('/')[1])).to.deep.equal(['document', 'question']);
      tf.dispose(report);
    });
  });

  it('drop a word type in passage and question, and act on the one output weight', () => {
    const scale = createRng(4).uniforms(9);
    const { regularizers } = probe(() => [
      { site: 'embedding', kind: 'scale', value: tf.tensor1d(scale) },
      { site: 'weights.output', kind: 'scale', value: tf.scalar(0.5) },
    ]);
    const [perturbed, plain] = [buildReader(sizes, {}, regularizers), buildReader(sizes)];
    return ready(plain, async (weights) => {
      const changed = {
        ...weights,
        embedding: tf.mul(weights.embedding!, tf.tensor2d(scale, [9, 1])),
        'output/weight': tf.mul(weights['output/weight']!, 0.5),
      };
      const [one, other] = [await scoreOf(perturbed, weights, batch), await scoreOf(plain, changed, batch)];
      expect(relativeError([one.nll], [other.nll])).to.be.below(1e-6);
      expect(Math.abs(one.nll - (await scoreOf(plain, weights, batch)).nll)).to.be.above(1e-3);
    });
  });

  it('act on each term of the attention by its name', () => {
    const found: [string, number, number | undefined][] = [];
    const { regularizers } = probe(({ model }) => [
      {
        site: 'attention',
        kind: 'map',
        map: (x, { term, t }) => {
          found.push([term!, x.rank, t]);
          expect(model.attention!.map(({ name }) => name)).to.deep.equal(terms);
          return term === 'joint/document' ? tf.zerosLike(x) : x;
        },
      },
    ]);
    const [perturbed, plain] = [buildReader(sizes, {}, regularizers), buildReader(sizes)];
    const terms = ['attention/document', 'attention/question', 'joint/document', 'joint/question'];
    return ready(plain, async (weights) => {
      const without = { ...weights, 'joint/document': tf.zeros([4, 4]) };
      const [one, other] = [await scoreOf(perturbed, weights, batch), await scoreOf(plain, without, batch)];
      expect(relativeError([one.nll], [other.nll])).to.be.below(1e-6);
      expect(found.sort(([a], [b]) => a.localeCompare(b))).to.deep.equal([
        [terms[0], 3, undefined],
        ...terms.slice(1).map((term) => [term, 2, 0]),
      ]);
    });
  });

  it('penalise the matrices of both readers once', () => {
    const model = buildReader(sizes, {}, [named({ name: 'tikhonov', lambda: 0.1, matrices: ['recurrent', 'output'] })]);
    return ready(model, async (weights) => {
      const { loss, nll } = await gradientsOf(model, weights, batch);
      let squares = 0;
      for (const name of ['layer-0/recurrent', 'layer-1/recurrent', 'output/weight'])
        squares += Math.hypot(...(await weights[name]!.data())) ** 2;
      expect(relativeError([loss - nll], [0.1 * squares])).to.be.below(1e-4);
    });
  });
});

describe('the Attentive Reader refuses', () => {
  it('weights to tie', () => {
    refusal('RNNX_OPTION_CONFLICT', () => buildReader(sizes, { tied: true }));
  });

  it('a cell that carries moments', () => {
    const cell = registry.create('cell', 'fast-dropout');
    const config = { ...smallModel, tied: false };
    refusal('RNNX_OPTION_CONFLICT', () =>
      createSequenceModel({ config, task: clozeTask(sizes), cell, regularizers: [] }),
    );
  });

  it('a penalty with parameters of its own', () => {
    const regularizer: Regularizer = { perturb: () => [], parameters: () => [], penalty: () => tf.scalar(0) };
    refusal('RNNX_OPTION_CONFLICT', () => buildReader(sizes, {}, [{ name: 'both', regularizer }]));
  });

  it('a regularizer with the name of its parameters', () => {
    const regularizer: Regularizer = { perturb: () => [] };
    for (const name of ['attention', 'joint'])
      refusal('RNNX_PLUGIN_INVALID', () => buildReader(sizes, {}, [{ name, regularizer }]));
  });

  it('minibatches of another task, and to generate text', () => {
    const model = buildReader(sizes);
    return ready(model, async (weights) => {
      refusal('RNNX_SHAPE_MISMATCH', () => model.score(weights, tokenBatch(2, 2), [], trainingPass));
      refusal('RNNX_OPTION_CONFLICT', () => model.nextLogProbabilities(weights, tokenBatch(2, 2), [], trainingPass));
      const words = createSequenceModel({
        config: smallModel,
        task: wordTask(7),
        cell: testRegistry().create('cell', 'lstm'),
        regularizers: [],
      });
      refusal('RNNX_SHAPE_MISMATCH', () => words.score(weights, batch, [], trainingPass));
    });
  });

  it('anything but maps at the attention, and attention in models without', () => {
    const { regularizers } = probe(() => [{ site: 'attention', kind: 'scale', value: tf.scalar(1) }]);
    const model = buildReader(sizes, {}, regularizers);
    return ready(model, async (weights) => {
      refusal('RNNX_PERTURBATION_INVALID', () => model.score(weights, batch, [], trainingPass));
      const words = createSequenceModel({
        config: smallModel,
        task: wordTask(7),
        cell: testRegistry().create('cell', 'lstm'),
        regularizers: [named({ name: 'batch-norm-lstm', attention: true })],
      });
      const wordWeights = words.initialize(createRng(1));
      const state = words.initialState(3);
      refusal('RNNX_SITE_UNSUPPORTED', () => words.score(wordWeights, tokenBatch(2, 3), state, trainingPass));
      tf.dispose([wordWeights, state as never]);
    });
  });
});
