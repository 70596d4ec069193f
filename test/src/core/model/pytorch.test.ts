import { createRng, type NamedRegularizer, type Perturbation } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { readGolden } from '../../support/golden.js';
import { buildModel } from '../../support/models.js';
import { relativeError } from '../../support/reference-model.js';

interface Case {
  readonly cell: 'lstm' | 'gru';
  readonly injection: 'multiplicative' | 'additive';
  readonly sizes: { V: number; H: number; T: number; B: number; L: number };
  readonly inputs: number[];
  readonly targets: number[];
  /** ε by layer, `[T, B, H]`. */
  readonly noise: number[][];
  readonly weights: Record<string, number[]>;
  readonly nll: number;
  readonly gradients: Record<string, number[]>;
  readonly hidden: number[][];
}

const { cases } = readGolden<{ cases: Case[] }>('cells.json');

describe('LSTM and GRU with NOISIN against PyTorch', () => {
  for (const { cell, injection, sizes, inputs, targets, noise, ...expected } of cases)
    it(`${cell}, ${injection}`, async () => {
      const { V, H, T, B, L } = sizes;
      const given: NamedRegularizer = {
        name: 'given',
        regularizer: {
          perturb: () =>
            noise.map((values, layer): Perturbation => {
              const epsilon = tf.tensor3d(values, [T, B, H]);
              const scale = injection === 'multiplicative';
              return {
                site: 'hidden',
                layer,
                kind: scale ? 'scale' : 'shift',
                value: scale ? tf.add(epsilon, 1) : epsilon,
              };
            }),
        },
      };
      const model = buildModel({ cell, layers: L, hiddenSize: H }, [given], V);
      expect(model.specs.map(({ name }) => name)).to.have.members(Object.keys(expected.weights));
      const weights = Object.fromEntries(
        model.specs.map(({ name, shape }) => [name, tf.tensor(expected.weights[name]!, [...shape])]),
      );
      const batch = {
        steps: T,
        batch: B,
        inputs: Int32Array.from(inputs),
        targets: Int32Array.from(targets),
        mask: null,
      };
      const options = { phase: 'train', copies: 1, average: 'log-probabilities', rng: createRng(0) } as const;
      const result = model.lossAndGradients(weights, batch, model.initialState(B), 1, options);
      expect(relativeError(await result.nll.data(), [expected.nll]), 'nll').to.be.below(1e-5);
      for (const [layer, state] of result.state.entries())
        expect(relativeError(await state.h!.data(), expected.hidden[layer]!), `h of layer ${layer}`).to.be.below(1e-5);
      for (const [name, gradient] of Object.entries(result.gradients))
        expect(relativeError(await gradient.data(), expected.gradients[name]!), name).to.be.below(1e-5);
    });
});
