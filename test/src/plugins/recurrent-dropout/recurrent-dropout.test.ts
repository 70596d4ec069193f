import { createRng, type PassOptions } from '@rnnx/core';
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

const name = 'recurrent-dropout';

describe('recurrent-dropout', () => {
  it('acts on the candidate update of every layer, per step or per sequence', async () => {
    const at = context([6, 7], { steps: 4, batch: 5 });
    expect(places(await draw({ name, rate: 0.5 }, at))).to.deep.equal([
      'candidate/0 scale [4,5,6]',
      'candidate/1 scale [4,5,7]',
    ]);
    expect(places(await draw({ name, rate: 0.5, lifetime: 'sequence' }, at))).to.deep.equal([
      'candidate/0 scale [1,5,6]',
      'candidate/1 scale [1,5,7]',
    ]);
  });

  for (const lifetime of ['step', 'sequence'])
    it(`per ${lifetime}: drops a share p, scales the rest, draws for every example and unit; false-alarm rate ${falseAlarm}`, async () => {
      const [T, B, H] = [30, 100, 80];
      const [mask] = await draw({ name, rate: 0.25, lifetime }, context([H], { steps: T, batch: B }));
      expectDropped(mask!.values, 0.25, 1 / 0.75);
      expectIndependent(mask!.values, lifetime === 'step' ? [1, H, B * H] : [1, H]);
    });

  it(`keeps no mask; false-alarm rate ${falseAlarm}`, () =>
    expectFreshDraws({ name, rate: 0.5 }, context([50, 50], { steps: 20, batch: 10 })));

  it('loses no memory: where the candidate is dropped, a GRU keeps z ⊙ h and an LSTM f ⊙ c', async () => {
    const options: PassOptions = { phase: 'train', copies: 1, average: 'log-probabilities', rng: createRng(2) };
    const rate = 1 - 2 ** -30; // everything is dropped
    for (const [cell, memory] of [
      ['gru', 'h'],
      ['lstm', 'c'],
    ] as const) {
      const model = buildModel({ cell, layers: 1 }, [technique({ name, rate })]);
      const weights = model.initialize(createRng(1));
      const start = [Object.fromEntries(cellStates(cell).map((state) => [state, tf.fill([8, 4], 0.9) as tf.Tensor2D]))];
      const { state, nll } = model.score(weights, tokenBatch(1, 8), start, options);
      // A gate of the logistic function takes part of it, never all and never the sign.
      for (const value of await state[0]![memory]!.data()) expect(value).to.be.within(0.01, 0.89);
      tf.dispose([weights, nll, start, state as never]);
    }
  });

  it('does nothing at rate 0 and at evaluation, but samples', async () => {
    expect(await draw({ name, rate: 0 }, context([4]))).to.deep.equal([]);
    expect(await draw({ name, rate: 0.5 }, context([4], { phase: 'evaluate' }))).to.deep.equal([]);
    expect(await draw({ name, rate: 0.5 }, context([4], { phase: 'sample' }))).to.have.length(1);
  });

  itRefuses(name, [
    ['no rate', {}, 'rate'],
    ['a rate of 1', { rate: 1 }],
    ['a negative rate', { rate: -0.1 }],
    ['an unknown lifetime', { rate: 0.5, lifetime: 'epoch' }],
  ]);
});

function cellStates(cell: 'gru' | 'lstm'): string[] {
  return cell === 'gru' ? ['h'] : ['h', 'c'];
}
