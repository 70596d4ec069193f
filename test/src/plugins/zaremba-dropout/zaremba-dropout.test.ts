import { expect } from 'chai';
import { context } from '../../support/perturbations.js';
import { falseAlarm } from '../../support/statistics.js';
import {
  draw,
  expectDropped,
  expectFreshDraws,
  expectIndependent,
  itRefuses,
  places,
} from '../../support/techniques.js';

const name = 'zaremba-dropout';

describe('zaremba-dropout', () => {
  it('acts on what enters each layer and on what leaves the last, L + 1 times', async () => {
    const made = await draw({ name, rate: 0.5 }, context([6, 7, 8], { steps: 4, batch: 5 }));
    expect(places(made)).to.deep.equal([
      'input/0 scale [4,5,6]',
      'input/1 scale [4,5,6]',
      'input/2 scale [4,5,7]',
      'output/2 scale [4,5,8]',
    ]);
  });

  for (const rate of [0.05, 0.65])
    it(`drops a share ${rate} and scales the rest by 1/(1-p); false-alarm rate ${falseAlarm}`, async () => {
      for (const { values } of await draw({ name, rate }, context([80], { steps: 30, batch: 20 })))
        expectDropped(values, rate, 1 / (1 - rate));
    });

  it(`draws anew for every step, example and unit; false-alarm rate ${falseAlarm}`, async () => {
    const [T, B, H] = [40, 30, 50];
    const [mask] = await draw({ name, rate: 0.5 }, context([H], { steps: T, batch: B }));
    expectIndependent(mask!.values, [1, H, B * H]);
  });

  it(`keeps no mask; false-alarm rate ${falseAlarm}`, () =>
    expectFreshDraws({ name, rate: 0.5 }, context([50, 50], { steps: 20, batch: 10 })));

  it('does nothing at rate 0 and at evaluation, but samples', async () => {
    expect(await draw({ name, rate: 0 }, context([4]))).to.deep.equal([]);
    expect(await draw({ name, rate: 0.5 }, context([4], { phase: 'evaluate' }))).to.deep.equal([]);
    expect(await draw({ name, rate: 0.5 }, context([4], { phase: 'sample' }))).to.have.length(2);
  });

  itRefuses(name, [
    ['no rate', {}, 'rate'],
    ['a rate of 1', { rate: 1 }],
    ['a negative rate', { rate: -0.1 }],
    ['a rate that is text', { rate: '0.5' }],
    ['another rate', { rate: 0.5, recurrent: 0.1 }],
  ]);
});
