import { createRng, type PassOptions } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { refusal } from '../../support/errors.js';
import { buildModel, tokenBatch } from '../../support/models.js';
import { context, createRegularizer, perturbations } from '../../support/perturbations.js';
import { correlationTest, falseAlarm, meanTest } from '../../support/statistics.js';

const dropout = (options: object) => createRegularizer({ name: 'dropout', ...options });
const rates = { input: 0.2, recurrent: 0.3, output: 0.4 };

/** `site/layer: [shape] rate`, the rate by the value of the units kept. */
async function places(options: object, widths: readonly number[]): Promise<string[]> {
  const made = await perturbations(dropout(options), context(widths, { steps: 4, batch: 5 }));
  return made.map(({ site, layer, kind, shape, values }) => {
    expect(kind).to.equal('scale');
    return `${site}/${layer} [${shape}] ${(1 - 1 / Math.max(...values)).toFixed(2)}`;
  });
}

describe('dropout', () => {
  it('vertical: before the first layer, between layers, after the last', async () => {
    expect(await places({ ...rates }, [6, 7, 8])).to.deep.equal([
      'input/0 [4,5,6] 0.20',
      'input/1 [4,5,6] 0.30',
      'input/2 [4,5,7] 0.30',
      'output/2 [4,5,8] 0.40',
    ]);
  });

  it('recurrent: on the input and the recurrent operand of every layer, after the last', async () => {
    expect(await places({ ...rates, placement: 'recurrent' }, [6, 7])).to.deep.equal([
      'input/0 [4,5,6] 0.20',
      'recurrent/0 [4,5,6] 0.30',
      'input/1 [4,5,6] 0.20',
      'recurrent/1 [4,5,7] 0.30',
      'output/1 [4,5,7] 0.40',
    ]);
  });

  it('one layer has nothing between layers', async () => {
    expect(await places({ ...rates }, [6])).to.deep.equal(['input/0 [4,5,6] 0.20', 'output/0 [4,5,6] 0.40']);
  });

  for (const p of [0.05, 0.5, 0.9])
    it(`drops a share ${p} and scales the rest by 1/(1-p); false-alarm rate ${falseAlarm}`, async () => {
      const at = context([100], { steps: 30, batch: 20 });
      const [mask] = await perturbations(dropout({ output: p }), at);
      const kept = mask!.values.map((value) => (value === 0 ? 0 : 1));
      for (const value of new Set(mask!.values)) if (value !== 0) expect(value).to.be.closeTo(1 / (1 - p), 1e-5);
      expect(new Set(mask!.values).size).to.equal(2);
      const test = meanTest(kept, 1 - p, p * (1 - p));
      expect(test.statistic).to.be.at.most(test.limit);
    });

  it(`draws anew for every step, example, unit, layer and site; false-alarm rate ${falseAlarm}`, async () => {
    const [T, B, H] = [40, 30, 50];
    const at = context([H, H], { steps: T, batch: B });
    const made = await perturbations(dropout({ input: 0.5, recurrent: 0.5, output: 0.5 }), at);
    const { values } = made[0]!;
    for (const distance of [1, H, B * H]) {
      const { statistic, limit } = correlationTest(
        values.subarray(0, values.length - distance),
        values.subarray(distance),
      );
      expect(statistic, `distance ${distance}`).to.be.at.most(limit);
    }
    for (const other of made.slice(1)) {
      const { statistic, limit } = correlationTest(values, other.values);
      expect(statistic, `${other.site}/${other.layer}`).to.be.at.most(limit);
    }
  });

  it('is the same bits for the same generator', async () => {
    const at = context([9, 9]);
    expect(await perturbations(dropout(rates), at)).to.deep.equal(await perturbations(dropout(rates), at));
  });

  it('does nothing at rate 0 and at evaluation', async () => {
    expect(await perturbations(dropout({}), context([4, 4]))).to.deep.equal([]);
    expect(await perturbations(dropout(rates), context([4, 4], { phase: 'evaluate' }))).to.deep.equal([]);
    expect(await perturbations(dropout(rates), context([4, 4], { phase: 'sample' }))).to.have.length(3);
  });

  it('leaves the carried state whole where it masks the recurrent product', async () => {
    // A GRU's state is a mean of the candidate and the old state, so it stays in (-1, 1) unless the mask's factor of ten
    // reaches the state itself.
    const options: PassOptions = { phase: 'train', copies: 1, average: 'log-probabilities', rng: createRng(2) };
    const model = buildModel({ cell: 'gru', layers: 1 }, [{ name: 'dropout', recurrent: 0.9, placement: 'recurrent' }]);
    const weights = model.initialize(createRng(1));
    const large = [{ h: tf.fill([50, 4], 0.99) as tf.Tensor2D }];
    const result = model.score(weights, tokenBatch(40, 50), large, options);
    for (const value of await result.state[0]!.h!.data()) expect(Math.abs(value)).to.be.below(1);
    tf.dispose([weights, large, result as never]);
  });

  const refused: readonly [string, object][] = [
    ['a rate of 1', { input: 1 }],
    ['a rate above 1', { recurrent: 50 }],
    ['a negative rate', { output: -0.1 }],
    ['a rate that is text', { output: '0.1' }],
    ['an unknown placement', { placement: 'horizontal' }],
    ['an unknown rate', { hidden: 0.1 }],
  ];
  for (const [what, options] of refused)
    it(`refuses ${what}`, () => {
      const error = refusal('RNNX_CONFIG_INVALID', () => dropout(options));
      expect(error.message).to.include(Object.keys(options)[0]);
    });
});
