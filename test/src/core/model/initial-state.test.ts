import {
  createRng,
  createSequenceModel,
  enableFusedKernels,
  generate,
  type Minibatch,
  type PassOptions,
  type PluginRef,
  PluginRegistry,
  type SequenceModel,
  type TrainingRun,
  train,
  type Weights,
} from '@rnnx/core';
import { fastDropout } from '@rnnx/fast-dropout';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { buildModel, smallModel, tokenBatch, wordTask } from '../../support/models.js';
import { countFused, onNative } from '../../support/native.js';
import { relativeError } from '../../support/reference-model.js';
import { collect, evaluation, languageData, lastSnapshot, ofType, training } from '../training/fake-model.js';

const [steps, batch] = [4, 3];
const pass: PassOptions = { phase: 'train', copies: 1, average: 'log-probabilities', rng: createRng(3) };

/** Weights in which the first states are not zero. */
function weightsOf(model: SequenceModel): Record<string, tf.Tensor> {
  const weights = model.initialize(createRng(11));
  for (const [name, zero] of Object.entries(weights)) {
    if (!name.includes('/initial/')) continue;
    weights[name] = createRng(4).stream(name).normal(zero.shape);
    zero.dispose();
  }
  return weights;
}

async function nllOf(model: SequenceModel, weights: Weights, data: Minibatch, options = pass): Promise<number> {
  const state = model.initialState(data.batch * options.copies);
  const result = model.score(weights, data, state, options);
  const [value] = await result.nll.data();
  tf.dispose([state as never, result as never]);
  return value!;
}

describe('a learned initial state', () => {
  const learned = { initialState: 'learned' } as const;

  it('has a vector for each state of each layer, zero at first; by default there is none', async () => {
    const names = (model: SequenceModel) =>
      model.specs.filter(({ name }) => name.includes('initial')).map(({ name, shape }) => `${name} [${shape}]`);
    expect(names(buildModel(learned))).to.deep.equal([
      'layer-0/initial/h [4]',
      'layer-0/initial/c [4]',
      'layer-1/initial/h [4]',
      'layer-1/initial/c [4]',
    ]);
    expect(names(buildModel({ ...learned, cell: 'gru' }))).to.deep.equal([
      'layer-0/initial/h [4]',
      'layer-1/initial/h [4]',
    ]);
    expect(names(buildModel())).to.deep.equal([]);
    const weights = buildModel(learned).initialize(createRng(1));
    for (const [name, value] of Object.entries(weights))
      if (name.includes('/initial/')) expect([...(await value.data())], name).to.deep.equal([0, 0, 0, 0]);
    tf.dispose(weights);
  });

  it('is none for a variance, which starts at zero', () => {
    const cell = new PluginRegistry([fastDropout]).create('cell', 'fast-dropout');
    const task = { kind: 'frames', size: 2, likelihood: 'bernoulli', metric: 'nll-per-step' } as const;
    const model = createSequenceModel({ config: { ...smallModel, ...learned }, task, cell, regularizers: [] });
    const names = model.specs.filter(({ name }) => name.includes('initial')).map(({ name }) => name);
    expect(names).to.deep.equal(['layer-0/initial/h', 'layer-1/initial/h']);
  });

  it('gives the NLL of the same model given that state', async () => {
    const model = buildModel(learned);
    const weights = weightsOf(model);
    const tiled = [0, 1].map((layer) =>
      Object.fromEntries(
        ['h', 'c'].map((name) => {
          const vector = weights[`layer-${layer}/initial/${name}`]!;
          return [name, tf.tile(tf.expandDims(vector, 0), [batch, 1]) as tf.Tensor2D];
        }),
      ),
    );
    const result = buildModel().score(weights, tokenBatch(steps, batch), tiled, pass);
    const [expected] = await result.nll.data();
    expect(await nllOf(model, weights, tokenBatch(steps, batch))).to.be.closeTo(expected!, 1e-5);
    expect(expected).to.not.be.closeTo(await nllOf(buildModel(), weights, tokenBatch(steps, batch)), 1e-2);
    tf.dispose([weights, tiled as never, result as never]);
  });

  it('acts where the state begins and nowhere else, for every Monte Carlo copy', async () => {
    const model = buildModel(learned);
    const weights = weightsOf(model);
    const data = tokenBatch(steps, batch);
    const later = { ...data, start: 5 };
    expect(await nllOf(model, weights, later)).to.be.closeTo(await nllOf(buildModel(), weights, later), 1e-6);
    const one = await nllOf(model, weights, { ...data, start: 0 });
    expect(await nllOf(model, weights, data, { ...pass, copies: 3 })).to.be.closeTo(one, 1e-4);
    tf.dispose(weights);
  });

  const cells: readonly PluginRef[] = ['lstm', 'gru', { name: 'gru', reset: 'before' }, 'rnn'];
  const name = (cell: PluginRef) => (typeof cell === 'string' ? cell : JSON.stringify(cell));
  for (const cell of cells)
    it(`has the gradient that central differences give: ${name(cell)}`, async () => {
      const model = buildModel({ ...learned, cell });
      const weights = weightsOf(model);
      const data = tokenBatch(steps, batch);
      const state = model.initialState(batch);
      const result = model.lossAndGradients(weights, data, state, 1, pass);
      for (const name of Object.keys(weights).filter((name) => name.includes('/initial/'))) {
        const value = await weights[name]!.data();
        const differences: number[] = [];
        for (let i = 0; i < value.length; i++) {
          const at = async (shift: number) => {
            const moved = tf.tensor1d(value.map((v, j) => (i === j ? v + shift : v)));
            const nll = await nllOf(model, { ...weights, [name]: moved }, data);
            moved.dispose();
            return nll;
          };
          differences.push(((await at(0.02)) - (await at(-0.02))) / 0.04);
        }
        expect(relativeError(await result.gradients[name]!.data(), differences), name).to.be.below(3e-3);
      }
      tf.dispose([weights, state as never, result as never]);
    });

  it('has no gradient in a minibatch that goes on', async () => {
    const model = buildModel(learned);
    const weights = weightsOf(model);
    const result = model.lossAndGradients(
      weights,
      { ...tokenBatch(steps, batch), start: 4 },
      model.initialState(batch),
      1,
      pass,
    );
    for (const [name, gradient] of Object.entries(result.gradients))
      if (name.includes('/initial/')) expect([...(await gradient.data())], name).to.deep.equal([0, 0, 0, 0]);
    tf.dispose([weights, result as never]);
  });

  it('is trained, survives a resumption and leaks nothing', async () => {
    const before = tf.memory().numTensors;
    const run: TrainingRun = {
      model: buildModel(learned, [], 5),
      dataset: { ...languageData(), task: wordTask(5) },
      training: { ...training, checkpointEvery: 3, carryState: false },
      evaluation,
      seed: 2,
    };
    const events = await collect(train(run));
    const { tensors } = lastSnapshot(events);
    expect(tensors['parameters/layer-0/initial/h']!.data.some((value) => value !== 0)).to.equal(true);
    const resume = ofType(events, 'checkpoint')[0]!.snapshot;
    expect(lastSnapshot(await collect(train(run, { resume })))).to.deep.equal(lastSnapshot(events));
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('begins a generated text once, not every token', async () => {
    const model = buildModel(learned);
    const weights = weightsOf(model);
    const options = { prompt: new Int32Array(0), length: 5, temperature: 0, rng: createRng(1) };
    const tokens: number[] = [];
    for await (const token of generate(model, weights, options)) tokens.push(token);
    // The likeliest token after each prefix, read from its beginning in one pass.
    for (const [i, token] of tokens.entries()) {
      const inputs = Int32Array.of(0, ...tokens.slice(0, i));
      const data = { steps: i + 1, batch: 1, inputs, targets: new Int32Array(i + 1), mask: null };
      const state = model.initialState(1);
      const next = model.nextLogProbabilities(weights, data, state, { ...pass, phase: 'evaluate' });
      const values = await next.logProbabilities.data();
      expect(token).to.equal(values.indexOf(Math.max(...values)));
      tf.dispose([state as never, next as never]);
    }
    tf.dispose(weights);
  });
});

describe('a learned initial state on the native backend', () => {
  onNative();

  for (const cell of ['lstm', 'gru', 'rnn'])
    it(`keeps ${cell} fused and has the composed path's gradients`, async () => {
      const model = buildModel({ initialState: 'learned', cell });
      const weights = weightsOf(model);
      const run = () => {
        const state = model.initialState(batch);
        const result = model.lossAndGradients(weights, tokenBatch(steps, batch), state, 1, pass);
        tf.dispose([state, result.state] as never);
        return result.gradients;
      };
      const { result: fused, sequences } = countFused(run);
      expect(sequences).to.equal(2); // one a layer
      enableFusedKernels(false);
      const composed = run();
      enableFusedKernels(true);
      for (const [name, gradient] of Object.entries(composed))
        expect(relativeError(await fused[name]!.data(), await gradient.data()), name).to.be.below(1e-5);
      tf.dispose([weights, fused, composed]);
    });
});
