import { createRng, type PassOptions, type PenaltyContext, type PluginRef } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { buildModel, tokenBatch } from '../../support/models.js';
import { context, lstmShape } from '../../support/perturbations.js';
import { itRefuses, technique } from '../../support/techniques.js';

const name = 'activation-penalty';

/** Hidden states and outputs `[T, 1, 2]` of a layer, and the state before them, default (6, 8). */
type Layer = readonly [hidden: number[][], output: number[][], before?: number[], mask?: number[]];

async function penalty(options: object, ...layers: readonly Layer[]): Promise<number> {
  const value = tf.tidy(() => {
    const sequence = (rows: number[][]) => tf.tensor3d(rows.map((row) => [row]));
    const at: PenaltyContext = {
      phase: 'train',
      model: lstmShape(layers.map(() => 2)),
      weights: {},
      parameters: {},
      activations: layers.map(([hidden, output, before = [6, 8], mask]) => ({
        hidden: sequence(hidden),
        output: sequence(output),
        before: tf.tensor2d([before]),
        ...(mask && { mask: tf.tensor2d(mask, [mask.length, 1]) }),
      })),
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

  it('norm: the mean square of the change of the norm from the state before on, before dropout', async () => {
    // Norms 10, 5, 1, 2.
    expect(await penalty({ norm: 4 }, [low, dropped])).to.be.closeTo((4 * (25 + 16 + 1)) / 3, 1e-4);
    expect(await penalty({ norm: 4 }, [low, dropped, [0, 0]])).to.be.closeTo((4 * (25 + 16 + 1)) / 3, 1e-4);
    expect(await penalty({ norm: 4 }, [low, dropped, [3, 4]])).to.be.closeTo((4 * (0 + 16 + 1)) / 3, 1e-4);
  });

  it('leaves padding out, in front and at the end', async () => {
    const padded = (mask: number[]): Layer => [high, dropped, [1, 0], mask];
    expect(await penalty({ activation: 2 }, padded([0, 1, 1]))).to.be.closeTo((2 * (4 + 16 + 36)) / 4, 1e-5);
    expect(await penalty({ activation: 2 }, padded([1, 0, 0]))).to.be.closeTo((2 * 4) / 2, 1e-5);
    // Of two steps that count.
    expect(await penalty({ temporal: 3 }, padded([0, 1, 1]))).to.be.closeTo((3 * 4) / 2, 1e-5);
    expect(await penalty({ temporal: 3 }, padded([1, 1, 0]))).to.be.closeTo((3 * 1) / 2, 1e-5);
    expect(await penalty({ temporal: 3 }, padded([0, 0, 1]))).to.equal(0);
    // To a step that counts: norms 1, √2, √5, √13.
    const change = (a: number, b: number) => (Math.sqrt(a) - Math.sqrt(b)) ** 2;
    const ofNorms = change(2, 5) + change(5, 13);
    expect(await penalty({ norm: 4 }, padded([0, 1, 1]))).to.be.closeTo((4 * ofNorms) / 2, 1e-4);
    expect(await penalty({ norm: 4 }, padded([1, 0, 0]))).to.be.closeTo(4 * change(1, 2), 1e-4);
    for (const options of [{ activation: 1 }, { temporal: 1 }, { norm: 1 }])
      expect(await penalty(options, padded([0, 0, 0])), 'nothing counts').to.equal(0);
    const counted = { activation: 2, temporal: 1, norm: 5 };
    expect(await penalty(counted, padded([1, 1, 1]))).to.be.closeTo(
      await penalty(counted, [high, dropped, [1, 0]]),
      1e-5,
    );
  });

  it('gets the state that a minibatch begins with, carried or learned, and the mask', async () => {
    const model = buildModel({ cell: { name: 'rnn', activation: 'tanh' } }, [technique({ name, norm: 1 })]);
    const weights = model.initialize(createRng(1));
    const pass: PassOptions = { phase: 'train', copies: 1, average: 'log-probabilities', rng: createRng(6) };
    const loss = async (before: number, mask: Float32Array | null) => {
      const state = model.initialState(2).map((layer) => tf.tidy(() => ({ ...layer, h: tf.add(layer.h!, before) })));
      const batch = { ...tokenBatch(3, 2), mask };
      const result = model.lossAndGradients(weights, batch, state as never, 0, pass);
      const [value] = await result.loss.data();
      tf.dispose([state as never, result as never]);
      return value!;
    };
    const [still, carried] = [await loss(0, null), await loss(2, null)];
    expect(carried).to.be.above(still + 0.1);
    expect(await loss(2, Float32Array.of(0, 0, 1, 1, 1, 1))).to.be.below(carried);
    tf.dispose(weights);
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

  it('has one change to penalise in a minibatch of one step, that of the norm', async () => {
    expect(await penalty({ temporal: 1 }, [[[7, 8]], [[7, 8]]])).to.equal(0);
    expect(await penalty({ norm: 1 }, [[[3, 4]], [[7, 8]]])).to.be.closeTo(25, 1e-4);
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
