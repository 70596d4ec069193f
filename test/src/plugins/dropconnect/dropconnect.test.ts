import { createRng } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { buildModel, tokenBatch } from '../../support/models.js';
import { context } from '../../support/perturbations.js';
import { falseAlarm } from '../../support/statistics.js';
import {
  draw,
  expectDropped,
  expectFreshDraws,
  expectIndependent,
  itRefuses,
  places,
  technique,
} from '../../support/techniques.js';

const name = 'dropconnect';

describe('dropconnect', () => {
  it('acts on the recurrent matrix of every layer, per sequence or per step', async () => {
    const at = context([6, 7], { steps: 4, batch: 5 });
    expect(places(await draw({ name, rate: 0.5 }, at))).to.deep.equal([
      'weights.recurrent/0/recurrent scale [6,24]',
      'weights.recurrent/1/recurrent scale [7,28]',
    ]);
    expect(places(await draw({ name, rate: 0.5, lifetime: 'step' }, at))).to.deep.equal([
      'weights.recurrent/0/recurrent scale [4,6,24]',
      'weights.recurrent/1/recurrent scale [4,7,28]',
    ]);
  });

  it('gives each of several recurrent matrices a mask of its own', async () => {
    const { shape } = buildModel({ cell: { name: 'gru', reset: 'before' }, layers: 1, hiddenSize: 5 });
    expect(places(await draw({ name, rate: 0.5 }, context([5], { model: shape })))).to.deep.equal([
      'weights.recurrent/0/recurrent-gates scale [5,10]',
      'weights.recurrent/0/recurrent-candidate scale [5,5]',
    ]);
  });

  for (const lifetime of ['step', 'sequence'])
    for (const [rescale, kept] of [
      ['inverted', 1 / 0.7],
      ['none', 1],
      ['test', 1],
    ] as const)
      it(`per ${lifetime}, rescale "${rescale}": drops a share p of the weights; false-alarm rate ${falseAlarm}`, async () => {
        const H = 60;
        const at = context([H], { steps: 8 });
        const [mask] = await draw({ name, rate: 0.3, rescale, lifetime }, at);
        expectDropped(mask!.values, 0.3, kept);
        expectIndependent(mask!.values, lifetime === 'step' ? [1, 4 * H, 4 * H * H] : [1, 4 * H]);
      });

  it('evaluates with the raw matrix, or with (1-p) of it', async () => {
    const at = context([6, 6], { phase: 'evaluate' });
    for (const rescale of ['inverted', 'none']) expect(await draw({ name, rate: 0.3, rescale }, at)).to.deep.equal([]);
    const scaled = await draw({ name, rate: 0.25, rescale: 'test' }, at);
    expect(scaled.map(({ site, layer, kind, values }) => [site, layer, kind, ...values])).to.deep.equal([
      ['weights.recurrent', 0, 'scale', 0.75],
      ['weights.recurrent', 1, 'scale', 0.75],
    ]);
    expect(await draw({ name, rate: 0.3 }, context([6], { phase: 'sample' }))).to.have.length(1);
  });

  it(`keeps no mask; false-alarm rate ${falseAlarm}`, () => expectFreshDraws({ name, rate: 0.5 }, context([40, 40])));

  it('does nothing at rate 0, in no phase', async () => {
    for (const phase of ['train', 'evaluate', 'sample'] as const)
      for (const rescale of ['inverted', 'none', 'test'])
        expect(await draw({ name, rate: 0, rescale }, context([4], { phase }))).to.deep.equal([]);
  });

  it('leaves the stored weights clean', async () => {
    const model = buildModel({ layers: 1 }, [technique({ name, rate: 0.5 })]);
    const weights = model.initialize(createRng(1));
    const before = Float32Array.from(await weights['layer-0/recurrent']!.data());
    const start = model.initialState(2);
    const pass = { phase: 'train', copies: 1, average: 'log-probabilities', rng: createRng(1) } as const;
    const result = model.lossAndGradients(weights, tokenBatch(2, 2), start, 1, pass);
    expect(await weights['layer-0/recurrent']!.data()).to.deep.equal(before);
    tf.dispose([weights, start as never, result as never]);
  });

  itRefuses(name, [
    ['no rate', {}, 'rate'],
    ['a rate of 1', { rate: 1 }],
    ['a negative rate', { rate: -0.1 }],
    ['a rate in percent', { rate: 50 }],
    ['an unknown lifetime', { rate: 0.5, lifetime: 'always' }],
    ['an unknown rescaling', { rate: 0.5, rescale: true }],
  ]);
});
