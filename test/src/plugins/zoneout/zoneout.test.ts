import { createRng, type PassOptions } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { refusal } from '../../support/errors.js';
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

const name = 'zoneout';
const pass = (phase: PassOptions['phase']): PassOptions => ({
  phase,
  copies: 1,
  average: 'log-probabilities',
  rng: createRng(6),
});

describe('zoneout', () => {
  it('acts on cell and hidden state of every layer, with masks of their own', async () => {
    const made = await draw({ name, hidden: 0.1, cell: 0.5 }, context([6, 7], { steps: 4, batch: 5 }));
    expect(places(made)).to.deep.equal([
      'cell/0 retain [4,5,6]',
      'hidden/0 retain [4,5,6]',
      'cell/1 retain [4,5,7]',
      'hidden/1 retain [4,5,7]',
    ]);
  });

  it(`keeps the previous value with the rate of its state, for every step, example and unit; false-alarm rate ${falseAlarm}`, async () => {
    const [T, B, H] = [40, 30, 50];
    const [cell, hidden] = await draw({ name, hidden: 0.05, cell: 0.5 }, context([H], { steps: T, batch: B }));
    expectDropped(cell!.values, 0.5, 1);
    expectDropped(hidden!.values, 0.95, 1);
    for (const { values } of [cell!, hidden!]) expectIndependent(values, [1, H, B * H]);
  });

  it(`keeps no mask; false-alarm rate ${falseAlarm}`, () =>
    expectFreshDraws({ name, hidden: 0.4, cell: 0.5 }, context([50], { steps: 20, batch: 10 })));

  it('evaluates with the rates themselves, and samples with masks', async () => {
    const options = { name, hidden: 0.125, cell: 0.5 };
    const evaluated = await draw(options, context([6], { phase: 'evaluate' }));
    expect(evaluated.map(({ site, kind, values }) => [site, kind, ...values])).to.deep.equal([
      ['cell', 'retain', 0.5],
      ['hidden', 'retain', 0.125],
    ]);
    const sampled = await draw(options, context([6], { phase: 'sample' }));
    expect(sampled.map(({ shape }) => shape)).to.deep.equal([
      [2, 3, 6],
      [2, 3, 6],
    ]);
  });

  it('is no perturbation at rate 0, each state for itself', async () => {
    for (const phase of ['train', 'evaluate', 'sample'] as const) {
      expect(await draw({ name, hidden: 0 }, context([4], { phase }))).to.deep.equal([]);
      expect((await draw({ name, hidden: 0.1 }, context([4], { phase }))).map(({ site }) => site)).to.deep.equal([
        'hidden',
      ]);
      expect(
        (await draw({ name, hidden: 0, cell: 0.1 }, context([4], { phase }))).map(({ site }) => site),
      ).to.deep.equal(['cell']);
    }
  });

  it('lets the hidden state read the new cell, not the retained one', async () => {
    const run = async (cell: number) => {
      const model = buildModel({ layers: 1 }, [technique({ name, hidden: 0, cell })]);
      const weights = model.initialize(createRng(1));
      const start = model.initialState(3);
      const { state, nll } = model.score(weights, tokenBatch(1, 3), start, pass('train'));
      const read = { h: await state[0]!.h!.data(), c: await state[0]!.c!.data() };
      tf.dispose([weights, nll, start as never, state as never]);
      return read;
    };
    const [clean, zoned] = [await run(0), await run(1 - 2 ** -30)];
    expect([...zoned.c], 'the cell stays at its start').to.deep.equal(new Array(12).fill(0));
    expect([...zoned.h]).to.deep.equal([...clean.h]);
  });

  for (const cell of ['gru', 'rnn']) {
    it(`trains ${cell} without a rate for the cell state`, () => {
      const model = buildModel({ cell }, [technique({ name, hidden: 0.3 })]);
      const weights = model.initialize(createRng(1));
      const start = model.initialState(3);
      const result = model.lossAndGradients(weights, tokenBatch(3, 3), start, 1, pass('train'));
      tf.dispose([weights, start as never, result as never]);
    });

    for (const phase of ['train', 'evaluate'] as const)
      it(`refuses a rate for the cell state that ${cell} does not have, at ${phase}`, () => {
        const model = buildModel({ cell }, [technique({ name, hidden: 0.3, cell: 0.1 })]);
        const weights = model.initialize(createRng(1));
        const start = model.initialState(3);
        const error = refusal('RNNX_SITE_UNSUPPORTED', () =>
          model.score(weights, tokenBatch(3, 3), start, pass(phase)),
        );
        expect(error.message).to.include('"zoneout"').and.to.include('"cell"');
        tf.dispose([weights, start as never]);
      });
  }

  itRefuses(name, [
    ['no rate', {}, 'hidden'],
    ['a rate of 1', { hidden: 1 }],
    ['a negative rate', { hidden: 0.1, cell: -0.1 }],
    ['an unknown rate', { hidden: 0.1, input: 0.1 }],
  ]);
});
