import { createRng, type PassOptions, type PenaltyContext, type PluginRef } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { buildModel, tokenBatch } from '../../support/models.js';
import { context, lstmShape } from '../../support/perturbations.js';
import { itRefuses, technique } from '../../support/techniques.js';

const name = 'activation-penalty';

/** The penalty on given activations `[T, 1, 2]`, layer by layer: [hidden, output]. */
async function penalty(options: object, ...layers: readonly (readonly [number[][], number[][]])[]): Promise<number> {
  const value = tf.tidy(() => {
    const sequence = (rows: number[][]) => tf.tensor3d(rows.map((row) => [row]));
    const at: PenaltyContext = {
      phase: 'train',
      model: lstmShape(layers.map(() => 2)),
      weights: {},
      parameters: {},
      activations: layers.map(([hidden, output]) => ({ hidden: sequence(hidden), output: sequence(output) })),
    };
    return technique({ name, ...options }).regularizer.penalty!(at);
  });
  const [read] = await value.data();
  value.dispose();
  return read!;
}

const low = [
  [3, 4],
  [1, 0],
  [0, 2],
];
const high = [
  [1, 1],
  [2, 1],
  [2, 3],
];
const dropped = [
  [2, 0],
  [0, 2],
  [4, 6],
];

describe('activation-penalty', () => {
  it('activation: α times the mean square of what the output layer reads', async () => {
    expect(await penalty({ activation: 2 }, [high, dropped])).to.be.closeTo((2 * (4 + 4 + 16 + 36)) / 6, 1e-5);
  });

  it('temporal: β times the mean square of the change, before dropout', async () => {
    expect(await penalty({ temporal: 3 }, [high, dropped])).to.be.closeTo((3 * (1 + 4)) / 4, 1e-5);
  });

  it('norm: the mean square of the change of the norm, before dropout', async () => {
    // Norms 5, 1, 2.
    expect(await penalty({ norm: 4 }, [low, dropped])).to.be.closeTo((4 * (16 + 1)) / 2, 1e-4);
  });

  it('penalises the last layer, or the sum over all', async () => {
    const layers = [
      [low, low],
      [high, high],
    ] as const;
    const one = await penalty({ activation: 1 }, layers[1]);
    expect(await penalty({ activation: 1 }, ...layers)).to.be.closeTo(one, 1e-6);
    const both = (await penalty({ activation: 1 }, layers[0])) + one;
    expect(await penalty({ activation: 1, layers: 'all' }, ...layers)).to.be.closeTo(both, 1e-5);
  });

  it('adds its terms', async () => {
    const layer = [high, dropped] as const;
    const apart = [{ activation: 2 }, { temporal: 1 }, { norm: 5 }].map((options) => penalty(options, layer));
    const sum = (await Promise.all(apart)).reduce((a, b) => a + b);
    expect(await penalty({ activation: 2, temporal: 1, norm: 5 }, layer)).to.be.closeTo(sum, 1e-5);
  });

  it('has no change to penalise in a minibatch of one step', async () => {
    expect(await penalty({ temporal: 1, norm: 1 }, [[[7, 8]], [[7, 8]]])).to.equal(0);
  });

  it('has finite gradients at a state of zero', async () => {
    const ref: PluginRef = { name, activation: 1, temporal: 1, norm: 1 };
    const model = buildModel({ cell: { name: 'rnn', activation: 'relu' }, init: { name: 'zeros' } }, [technique(ref)]);
    const weights = model.initialize(createRng(1));
    const start = model.initialState(2);
    const pass: PassOptions = { phase: 'train', copies: 1, average: 'log-probabilities', rng: createRng(6) };
    const result = model.lossAndGradients(weights, tokenBatch(3, 2), start, 1, pass);
    for (const [parameter, gradient] of Object.entries(result.gradients))
      for (const value of await gradient.data()) expect(value, parameter).to.satisfy(Number.isFinite);
    tf.dispose([weights, start as never, result as never]);
  });

  it('perturbs nothing, and is nothing where all weights are 0', () => {
    const { regularizer } = technique({ name, activation: 1 });
    for (const phase of ['train', 'evaluate', 'sample'] as const)
      expect(regularizer.perturb(context([4], { phase }))).to.deep.equal([]);
    expect(technique({ name }).regularizer.penalty).to.equal(undefined);
  });

  itRefuses(name, [
    ['a negative weight', { activation: -1 }],
    ['another negative weight', { temporal: -1 }],
    ['a norm that is text', { norm: '1' }],
    ['unknown layers', { layers: 'first' }],
    ['an unknown penalty', { slowness: 1 }],
  ]);
});
