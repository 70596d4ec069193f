import { createRng } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { buildModel, tokenBatch } from '../../support/models.js';

describe('a minibatch of one time step', () => {
  for (const cell of ['lstm', 'gru', 'rnn'])
    it(`trains ${cell}`, async () => {
      const model = buildModel({ cell }, [{ name: 'noisin', spread: 0.5 }]);
      const weights = model.initialize(createRng(1));
      const options = { phase: 'train', copies: 1, average: 'probabilities', rng: createRng(2) } as const;
      const result = model.lossAndGradients(weights, tokenBatch(1, 3), model.initialState(3), 1, options);
      expect((await tf.sum(tf.abs(result.gradients['layer-0/input']!)).data())[0]).to.be.above(0);
    });

  it('refuses a regularizer named like a part of the model', () => {
    const regularizer = { perturb: () => [] };
    for (const name of ['embedding', 'output', 'statistics', 'layer-1'])
      expect(() => buildModel({}, [{ name, regularizer }]), name).to.throw(/cannot be called/);
  });
});
