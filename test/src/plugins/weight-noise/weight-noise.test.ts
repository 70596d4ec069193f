import { createRng, type NamedRegularizer, type PassOptions } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { refusal } from '../../support/errors.js';
import { buildModel, tokenBatch } from '../../support/models.js';
import { context } from '../../support/perturbations.js';
import { normalCdf } from '../../support/special-functions.js';
import { falseAlarm, kolmogorovSmirnovTest, meanTest, type TestResult } from '../../support/statistics.js';
import { draw, expectFreshDraws, expectIndependent, itRefuses, places, technique } from '../../support/techniques.js';

const name = 'weight-noise';
const all = ['input', 'recurrent', 'output'];

function passes({ statistic, limit }: TestResult, what: string): void {
  expect(statistic, what).to.be.at.most(limit);
}

describe('weight-noise', () => {
  it('acts on the recurrent matrices unless told otherwise', async () => {
    expect(places(await draw({ name, std: 0.1 }, context([6, 7])))).to.deep.equal([
      'weights.recurrent/0/recurrent shift [6,24]',
      'weights.recurrent/1/recurrent shift [7,28]',
    ]);
  });

  it('acts on the matrices that are named, per sequence or per step, added or multiplied', async () => {
    const at = context([6], { steps: 4 });
    expect(places(await draw({ name, std: 0.1, weights: all }, at))).to.deep.equal([
      'weights.input/0 shift [6,24]',
      'weights.recurrent/0/recurrent shift [6,24]',
      'weights.output shift [7,6]',
    ]);
    const stepwise = { name, std: 0.1, weights: ['output', 'input'], lifetime: 'step', form: 'multiplicative' };
    expect(places(await draw(stepwise, at))).to.deep.equal([
      'weights.input/0 scale [4,6,24]',
      'weights.output scale [4,7,6]',
    ]);
  });

  for (const form of ['additive', 'multiplicative'])
    for (const lifetime of ['step', 'sequence'])
      it(`${form}, per ${lifetime}: normal with mean ${form === 'additive' ? 0 : 1} and deviation σ; false-alarm rate ${falseAlarm} a test`, async () => {
        const [std, H, steps] = [0.07, 40, 10];
        const [noise] = await draw({ name, std, form, lifetime }, context([H], { steps }));
        const centre = form === 'additive' ? 0 : 1;
        // Rounding to float32 near 1 is coarse beside the test's resolution only in the tails.
        const standard = noise!.values.map((value) => (value - centre) / std);
        passes(meanTest(standard, 0, 1), 'mean');
        passes(
          meanTest(
            standard.map((x) => x * x),
            1,
            2,
          ),
          'variance',
        );
        passes(kolmogorovSmirnovTest(standard, normalCdf), 'distribution');
        expectIndependent(standard, lifetime === 'step' ? [1, 4 * H, 4 * H * H] : [1, 4 * H]);
      });

  it(`does not accumulate: the last step is as noisy as the first; false-alarm rate ${falseAlarm}`, async () => {
    const [std, H, steps] = [0.5, 40, 50];
    const [noise] = await draw({ name, std, lifetime: 'step' }, context([H], { steps }));
    const size = 4 * H * H;
    for (const t of [0, steps - 1]) {
      const squares = noise!.values.subarray(t * size, (t + 1) * size).map((x) => x * x);
      passes(meanTest(squares, std ** 2, 2 * std ** 4), `step ${t}`);
    }
  });

  it(`keeps no noise; false-alarm rate ${falseAlarm}`, () =>
    expectFreshDraws({ name, std: 0.1, weights: all }, context([30, 30])));

  it('does nothing at σ = 0 and at evaluation, but samples', async () => {
    for (const options of [{}, { pass: 'backward' }]) {
      expect(technique({ name, std: 0, ...options }).regularizer.perturb(context([4]))).to.deep.equal([]);
      const { regularizer } = technique({ name, std: 0.1, ...options });
      expect(regularizer.perturb(context([4], { phase: 'evaluate' }))).to.deep.equal([]);
    }
    expect(await draw({ name, std: 0.1 }, context([4], { phase: 'sample' }))).to.have.length(1);
  });

  describe(`pre-activation under multiplicative noise (appendix A; z-tests, each with false-alarm rate ${falseAlarm})`, () => {
    const [T, H, std] = [3_000, 3, 0.4];
    const h = [0.8, -0.5, 0.3];
    let weight: Float32Array;
    let products: Float32Array;

    before(async () => {
      // The recurrent product of every step sees the same h; each step is one draw of the noise.
      const seen: tf.Tensor[] = [];
      const probe: NamedRegularizer = {
        name: 'probe',
        regularizer: {
          perturb: () => [
            { site: 'recurrent', layer: 0, kind: 'map', map: () => tf.tensor2d([h]) },
            {
              site: 'preactivation.recurrent',
              layer: 0,
              kind: 'map',
              map: (product) => {
                seen.push(tf.keep(tf.clone(product)));
                return product;
              },
            },
          ],
        },
      };
      const noise = technique({ name, std, form: 'multiplicative', lifetime: 'step' });
      const model = buildModel({ cell: 'rnn', layers: 1, hiddenSize: H }, [noise, probe]);
      const weights = model.initialize(createRng(8));
      const start = model.initialState(1);
      const pass: PassOptions = { phase: 'train', copies: 1, average: 'log-probabilities', rng: createRng(9) };
      const result = model.score(weights, tokenBatch(T, 1), start, pass);
      weight = Float32Array.from(await weights['layer-0/recurrent']!.data());
      const stacked = tf.tidy(() => tf.concat(seen, 0)); // [T, H]
      products = Float32Array.from(await stacked.data());
      tf.dispose([weights, start as never, result as never, stacked, seen]);
    });

    for (let unit = 0; unit < H; unit++)
      it(`unit ${unit}: mean Σ w x, variance σ² Σ w² x², normal`, () => {
        const [mean, variance] = [1, 2].map((q) => h.reduce((sum, x, k) => sum + (weight[k * H + unit]! * x) ** q, 0));
        const spread = std ** 2 * variance!;
        const values = Float32Array.from({ length: T }, (_, t) => products[t * H + unit]!);
        expect(Math.sqrt(spread)).to.be.above(0.01);
        passes(meanTest(values, mean!, spread), 'mean');
        passes(
          meanTest(
            values.map((a) => (a - mean!) ** 2),
            spread,
            2 * spread ** 2,
          ),
          'variance',
        );
        passes(
          kolmogorovSmirnovTest(values, (a) => normalCdf((a - mean!) / Math.sqrt(spread))),
          'distribution',
        );
      });
  });

  describe('in the backward pass alone', () => {
    const lossOf = async (regularizers: NamedRegularizer[], phase: PassOptions['phase']) => {
      const model = buildModel({ layers: 1 }, regularizers);
      const weights = model.initialize(createRng(8));
      const start = model.initialState(2);
      const pass: PassOptions = { phase, copies: 1, average: 'log-probabilities', rng: createRng(9) };
      const result = model.lossAndGradients(weights, tokenBatch(4, 2), start, 1, pass);
      const read = [await result.loss.data(), await result.gradients['layer-0/input']!.data()];
      tf.dispose([weights, start as never, result as never]);
      return read;
    };

    it('changes the gradient and no bit of the loss', async () => {
      const [loss, gradient] = await lossOf([], 'train');
      const [noisyLoss, noisyGradient] = await lossOf([technique({ name, std: 0.5, pass: 'backward' })], 'train');
      expect(noisyLoss).to.deep.equal(loss);
      expect(noisyGradient).to.not.deep.equal(gradient);
    });

    for (const weights of [['input'], ['recurrent', 'output']])
      it(`refuses ${weights.join(' and ')}`, () => {
        const error = refusal('RNNX_OPTION_CONFLICT', () => technique({ name, std: 0.1, pass: 'backward', weights }));
        expect(error.message).to.include(weights[0]);
      });
  });

  itRefuses(name, [
    ['no deviation', {}, 'std'],
    ['a negative deviation', { std: -0.1 }],
    ['no weights', { std: 0.1, weights: [] }],
    ['a weight twice', { std: 0.1, weights: ['input', 'input'] }],
    ['an unknown weight', { std: 0.1, weights: ['embedding'] }],
    ['an unknown form', { std: 0.1, form: 'shift' }],
    ['an unknown lifetime', { std: 0.1, lifetime: 'run' }],
    ['an unknown pass', { std: 0.1, pass: 'forward' }],
  ]);
});
