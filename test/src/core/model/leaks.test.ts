import { createRng, type ModelConfig, type PassOptions, type PluginRef } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { buildModel, tokenBatch } from '../../support/models.js';

const regularizers: readonly PluginRef[] = [
  { name: 'noisin', spread: 0.5, learned: true },
  { name: 'dropout', input: 0.2, recurrent: 0.3, output: 0.4 },
];

/** What a program that disposes its own tensors still holds after each round: tensors and bytes. */
function held(config: Partial<ModelConfig>, rounds: number, copies: number): { tensors: number; bytes: number }[] {
  const [steps, batch] = [4, 3];
  const model = buildModel(config, regularizers);
  const weights = model.initialize(createRng(1));
  const data = tokenBatch(steps, batch);
  let state = model.initialState(batch * copies);
  const counts: { tensors: number; bytes: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    const options: PassOptions = {
      phase: 'train',
      copies,
      average: 'probabilities',
      rng: createRng(2).stream(`${round}`),
    };
    const trained = model.lossAndGradients(weights, data, state, 1 / batch, options);
    const scored = model.score(weights, data, trained.state, { ...options, phase: 'sample' });
    const predicted = model.nextLogProbabilities(weights, data, scored.state, { ...options, phase: 'sample' });
    const report = model.report(weights);
    tf.dispose([state as never, trained as never, scored as never, predicted.logProbabilities, report]);
    state = predicted.state;
    const { numTensors, numBytes } = tf.memory();
    counts.push({ tensors: numTensors, bytes: numBytes });
  }
  tf.dispose([weights, state as never]);
  return counts;
}

describe('tensors of training, scoring and prediction', () => {
  const cells: readonly (readonly [string, Partial<ModelConfig>, number])[] = [
    ['LSTM', { cell: 'lstm' }, 1],
    ['LSTM with Monte Carlo copies', { cell: 'lstm' }, 3],
    ['GRU, untied', { cell: 'gru', tied: false, embeddingSize: 3 }, 1],
    ['RNN', { cell: 'rnn' }, 1],
  ];
  for (const [name, config, copies] of cells)
    it(`do not pile up over 50 rounds: ${name}`, () => {
      const before = tf.memory();
      const counts = held(config, 50, copies);
      for (const count of counts) expect(count).to.deep.equal(counts[0]);
      const after = tf.memory();
      expect([after.numTensors, after.numBytes]).to.deep.equal([before.numTensors, before.numBytes]);
    });

  it('leave nothing behind where an initialiser does not suit, and the parameter is named', () => {
    const model = buildModel({ init: { name: 'orthogonal', gain: 1 } }, []);
    const before = tf.memory().numTensors;
    expect(() => model.initialize(createRng(1))).to.throw(
      /Parameter "layer-0\/bias".*\n[\s\S]*model\.cell\.recurrentInit/,
    );
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('leave nothing behind where a pass fails', () => {
    const bad = {
      name: 'bad',
      regularizer: {
        perturb: () => [{ site: 'hidden', layer: 0, kind: 'scale', value: tf.ones([9, 9, 9]) }] as const,
      },
    };
    const model = buildModel({}, [bad]);
    const weights = model.initialize(createRng(1));
    const state = model.initialState(2);
    const options: PassOptions = { phase: 'train', copies: 1, average: 'probabilities', rng: createRng(1) };
    const data = tokenBatch(3, 2);
    const runs = [
      () => model.score(weights, data, state, options),
      () => model.lossAndGradients(weights, data, state, 1, options),
    ];
    for (const run of runs) {
      const before = tf.memory().numTensors;
      expect(run).to.throw('value at "hidden"');
      expect(tf.memory().numTensors).to.equal(before);
    }
    tf.dispose([weights, state as never]);
  });
});
