import { createRng, type NoiseDistribution, type PassOptions, type PluginRef } from '@rnnx/core';
import { plugins as distributionPlugins } from '@rnnx/distributions';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { buildModel, testRegistry } from '../../support/models.js';
import { context, createRegularizer, perturbations } from '../../support/perturbations.js';
import { averageOf, correlationTest, falseAlarm, meanTest, type TestResult, zTest } from '../../support/statistics.js';

const distributions = distributionPlugins.map(({ name }) => name);
const injections = ['multiplicative', 'additive'] as const;
const pass: PassOptions = { phase: 'train', copies: 1, average: 'log-probabilities', rng: createRng(8) };

function passes({ statistic, limit }: TestResult, what: string): void {
  expect(statistic, what).to.be.at.most(limit);
}

describe(`NOISIN's noise (z-tests, each with false-alarm rate ${falseAlarm})`, () => {
  it('comes in the eight families of the paper', () => expect(distributions).to.have.length(8));

  for (const distribution of distributions)
    for (const injection of injections)
      it(`${distribution}, ${injection}: E[z_t | z_{t-1}] is the clean h_t of an LSTM step`, async () => {
        const [spread, examples, hiddenSize] = [0.9, 8_000, 4];
        // One step from one state, in every example the same: the examples differ by their noise alone.
        const batch = {
          steps: 1,
          batch: examples,
          inputs: new Int32Array(examples).fill(2),
          targets: new Int32Array(examples),
          mask: null,
        };
        const start = [0.3, -0.5, 0.8, 0.1];
        const model = buildModel({ layers: 1, hiddenSize }, [{ name: 'noisin', distribution, spread, injection }]);
        const weights = model.initialize(createRng(3));
        const row = (values: readonly number[]) => tf.tile(tf.tensor2d([...values], [1, hiddenSize]), [examples, 1]);
        const state = [{ h: row(start) as tf.Tensor2D, c: row(start.map((x) => 2 * x)) as tf.Tensor2D }];
        const noisy = model.score(weights, batch, state, pass);
        const clean = model.score(weights, batch, state, { ...pass, phase: 'evaluate' });
        const [z, h] = [await noisy.state[0]!.h!.data(), await clean.state[0]!.h!.data()];
        for (let unit = 0; unit < hiddenSize; unit++) {
          const values = Float64Array.from({ length: examples }, (_, b) => z[b * hiddenSize + unit]!);
          const deviation = injection === 'additive' ? spread : Math.abs(h[unit]!) * spread;
          passes(meanTest(values, h[unit]!, deviation ** 2), `unit ${unit}`);
        }
        // The cell state carries no noise.
        const cellStates = [noisy, clean].map(({ state: [layer] }) => layer!.c!.data());
        const [c, cleanCell] = await Promise.all(cellStates);
        expect(c).to.deep.equal(cleanCell);
        tf.dispose([weights, state, noisy as never, clean as never]);
      });

  for (const distribution of distributions)
    it(`${distribution}: the standard deviation of ε is the spread, small or large`, async () => {
      for (const spread of [0.2, 1.37]) {
        const regularizer = createRegularizer({ name: 'noisin', distribution, spread });
        const [noise] = await perturbations(regularizer, context([100], { steps: 40, batch: 50 }));
        const squares = noise!.values.map((scale) => (scale - 1) ** 2);
        const { excessKurtosis } = family(distribution).moments(spread);
        const standardError = spread ** 2 * Math.sqrt((excessKurtosis + 2) / squares.length);
        // Bernoulli at p = 1/2 has a constant square and no standard error.
        passes(
          zTest(
            averageOf(squares, (x) => x),
            spread ** 2,
            Math.max(standardError, 1e-6),
          ),
          `${spread}`,
        );
      }
    });

  it('is independent between layers, steps, examples, units and minibatches', async () => {
    const [T, B, H] = [40, 50, 60];
    const regularizer = createRegularizer({ name: 'noisin', distribution: 'gaussian', spread: 1.1 });
    const draw = (name: string) =>
      perturbations(regularizer, context([H, H], { steps: T, batch: B, rng: createRng(4).stream(name) }));
    const [[first, second], [next]] = [await draw('step-1'), await draw('step-2')];
    const { values } = first!;
    expect(first!.shape).to.deep.equal([T, B, H]);
    expect(new Set(values).size, 'a draw for every place').to.be.above(0.98 * values.length);
    passes(correlationTest(values, second!.values), 'layers');
    passes(correlationTest(values, next!.values), 'minibatches');
    for (const [what, distance] of [
      ['steps', B * H],
      ['examples', H],
      ['units', 1],
    ] as const)
      passes(correlationTest(values.subarray(0, values.length - distance), values.subarray(distance)), what);
  });

  it('is the same bits for the same generator', async () => {
    const regularizer = createRegularizer({ name: 'noisin', distribution: 'gamma', spread: 0.5 });
    const [first, again] = [
      await perturbations(regularizer, context([5])),
      await perturbations(regularizer, context([5])),
    ];
    expect(again).to.deep.equal(first);
  });

  it('does not depend on the layers above', async () => {
    const regularizer = createRegularizer({ name: 'noisin', spread: 0.5 });
    const [one] = await perturbations(regularizer, context([5]));
    const [two] = await perturbations(regularizer, context([5, 5]));
    expect(two).to.deep.equal(one);
  });

  it('acts on the hidden state of every layer', async () => {
    for (const [injection, kind] of [
      ['multiplicative', 'scale'],
      ['additive', 'shift'],
    ] as const) {
      const made = await perturbations(createRegularizer({ name: 'noisin', spread: 1, injection }), context([4, 6]));
      expect(made.map(({ site, layer, kind }) => ({ site, layer, kind }))).to.deep.equal([
        { site: 'hidden', layer: 0, kind },
        { site: 'hidden', layer: 1, kind },
      ]);
      expect(made.map(({ shape }) => shape)).to.deep.equal([
        [2, 3, 4],
        [2, 3, 6],
      ]);
    }
  });

  it('is absent from evaluation and present in Monte Carlo samples', async () => {
    const regularizer = createRegularizer({ name: 'noisin', spread: 0.5 });
    expect(await perturbations(regularizer, context([5], { phase: 'evaluate' }))).to.deep.equal([]);
    expect(await perturbations(regularizer, context([5], { phase: 'sample' }))).to.have.length(1);
  });

  it('asks for the Monte Carlo copies of its options', () => {
    const wish = (options: object) => createRegularizer({ name: 'noisin', spread: 1, ...options }).monteCarlo;
    expect(wish({})).to.deep.equal({ train: 1, evaluate: 0, average: 'probabilities' });
    expect(wish({ samples: 4, evaluation: 'log-probabilities', evaluationSamples: 7 })).to.deep.equal({
      train: 4,
      evaluate: 7,
      average: 'log-probabilities',
    });
  });

  for (const keep of [0.33, 0.5, 0.8])
    it(`Bernoulli at keep probability ${keep} is inverted dropout`, async () => {
      const noise = { name: 'noisin', distribution: 'bernoulli', spread: keep, reading: 'keep-probability' };
      const [scale] = await perturbations(createRegularizer(noise), context([100], { steps: 20, batch: 20 }));
      for (const value of scale!.values)
        expect(Math.min(Math.abs(value), Math.abs(value - 1 / keep))).to.be.below(1e-6);
      const kept = scale!.values.map((value) => (value > 0.5 ? 1 : 0));
      passes(meanTest(kept, keep, keep * (1 - keep)), 'share kept');
    });

  it('reads the spread as standard deviation, as variance or as keep probability', async () => {
    const squares = async (reading: string, spread: number) => {
      const regularizer = createRegularizer({ name: 'noisin', distribution: 'laplace', spread, reading });
      const [scale] = await perturbations(regularizer, context([100], { steps: 20, batch: 50 }));
      return averageOf(scale!.values, (x) => (x - 1) ** 2);
    };
    const one = await squares('standard-deviation', 1);
    expect(await squares('standard-deviation', 0.4)).to.be.closeTo(0.16 * one, 1e-5);
    expect(await squares('variance', 0.4)).to.be.closeTo(0.4 * one, 1e-5);
    expect(await squares('keep-probability', 0.4)).to.be.closeTo((0.6 / 0.4) * one, 1e-5);
  });
});

function family(ref: PluginRef): NoiseDistribution {
  return testRegistry().create('noise', ref);
}
