import { createRng, type PassOptions, type PluginRef } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { refusal } from '../../support/errors.js';
import { buildModel, rows, testRegistry, tokenBatch, toReference } from '../../support/models.js';
import { context, createRegularizer, lstmShape, perturbations } from '../../support/perturbations.js';
import { centralDifferences, type Perturb, referenceNll, relativeError } from '../../support/reference-model.js';

const [steps, batch, hiddenSize] = [4, 3, 4];
const options: PassOptions = { phase: 'train', copies: 1, average: 'log-probabilities', rng: createRng(19) };
const learned = (more: object = {}): PluginRef => ({ name: 'noisin', spread: 0.6, learned: true, ...more });
const softplus = (x: number) => Math.log1p(Math.exp(x));

describe('learned spreads of NOISIN', () => {
  it('are one parameter a layer, starting at the spread of the options', async () => {
    const model = buildModel({}, [learned()]);
    expect(model.specs.filter(({ name }) => name.startsWith('noisin/')).map(({ name, shape }) => [name, shape]))
      .to.deep //
      .equal([
        ['noisin/rho-0', []],
        ['noisin/rho-1', []],
      ]);
    const weights = model.initialize(createRng(1));
    const report = model.report(weights);
    expect(Object.keys(report)).to.deep.equal(['noisin/spread-0', 'noisin/spread-1']);
    for (const spread of Object.values(report)) expect((await spread.data())[0]).to.be.closeTo(0.6, 1e-6);
    tf.dispose([weights, report]);
  });

  it('start at the standard deviation that the reading gives', async () => {
    const model = buildModel({}, [learned({ spread: 0.36, reading: 'variance' })]);
    const weights = model.initialize(createRng(1));
    const report = model.report(weights);
    expect((await report['noisin/spread-1']!.data())[0]).to.be.closeTo(0.6, 1e-6);
    tf.dispose([weights, report]);
  });

  it('add no parameter when they are not learned', () => {
    const specs = buildModel({}, [{ name: 'noisin', spread: 0.6 }]).specs;
    expect(specs.filter(({ name }) => name.startsWith('noisin/'))).to.deep.equal([]);
  });

  it('never fall below the bound, however small ρ', async () => {
    const regularizer = createRegularizer(learned({ lowerBound: 0.2 }));
    for (const rho of [-1000, -30, -2, 0, 3]) {
      const parameters = { 'rho-0': tf.scalar(rho) };
      const report = tf.tidy(() => regularizer.report!(parameters)) as Record<string, tf.Tensor>;
      const [spread] = await report['spread-0']!.data();
      expect(spread).to.be.closeTo(0.2 + softplus(rho), 1e-6);
      expect(spread).to.be.at.least(Math.fround(0.2));
      tf.dispose([parameters, report]);
    }
  });

  it('scale the noise of their own layer', async () => {
    const regularizer = createRegularizer(learned({ lowerBound: 0.1 }));
    const fixed = createRegularizer({ name: 'noisin', spread: 1 });
    const parameters = { 'rho-0': tf.scalar(0.3), 'rho-1': tf.scalar(-0.7) };
    const made = await perturbations(regularizer, context([4, 4], { parameters }));
    const standard = await perturbations(fixed, context([4, 4]));
    for (const [layer, rho] of [0.3, -0.7].entries())
      for (const [i, scale] of made[layer]!.values.entries()) {
        const expected = 1 + (standard[layer]!.values[i]! - 1) * (0.1 + softplus(rho));
        expect(scale).to.be.closeTo(expected, 1e-5);
      }
    tf.dispose(parameters);
  });

  for (const injection of ['multiplicative', 'additive'] as const)
    for (const distribution of ['gaussian', { name: 'bernoulli', keep: 0.4 }] as PluginRef[])
      it(`have the gradient of double-precision differences: ${injection}, ${JSON.stringify(distribution)}`, async () => {
        const lowerBound = 0.15;
        const model = buildModel({}, [learned({ injection, distribution, lowerBound })]);
        const weights = model.initialize(createRng(11));
        const data = tokenBatch(steps, batch);
        const state = model.initialState(batch);
        const result = model.lossAndGradients(weights, data, state, 1 / batch, options);

        const family = testRegistry().create('noise', distribution);
        const noise = lstmShape([hiddenSize, hiddenSize]).layers.map((_, layer) =>
          family.sample([steps, batch, hiddenSize], options.rng.stream('noisin').stream(`layer-${layer}`), 0.6),
        );
        const standardised = await Promise.all(noise.map((tensor) => tensor.data()));
        const exact = await toReference(weights);
        const perturb: Perturb = (site, layer, t, x) => {
          if (site !== 'hidden') return x;
          const spread = lowerBound + softplus(exact[`noisin/rho-${layer}`]!.data[0]!);
          const epsilon = (b: number, j: number) => spread * standardised[layer]![(t * batch + b) * hiddenSize + j]!;
          return x.map((row, b) =>
            row.map((h, j) => (injection === 'additive' ? h + epsilon(b, j) : h * (1 + epsilon(b, j)))),
          );
        };
        const shape = { cell: 'lstm', layers: 2, hiddenSize, tied: true } as const;
        const [inputs, targets] = [rows(data.inputs, batch), rows(data.targets, batch)];
        const expected = centralDifferences(
          exact,
          () => referenceNll(shape, exact, inputs, targets, perturb).nll / batch,
        );
        for (const [name, gradient] of Object.entries(result.gradients))
          expect(relativeError(await gradient.data(), expected[name]!), name).to.be.below(1e-5);
        // A sum that happens to cancel would say nothing at single precision.
        for (const layer of [0, 1]) expect(Math.abs(expected[`noisin/rho-${layer}`]![0]!)).to.be.above(1e-3);
        tf.dispose([weights, noise, state as never, result as never]);
      });

  it('refuse a distribution whose shape depends on the spread', () => {
    const error = refusal('RNNX_OPTION_CONFLICT', () => createRegularizer(learned({ distribution: 'bernoulli' })));
    expect(error.message).to.include('"bernoulli"').and.include('"keep"');
    refusal('RNNX_OPTION_CONFLICT', () =>
      createRegularizer(learned({ distribution: { name: 'gamma', meanOne: true } })),
    );
    createRegularizer(learned({ distribution: { name: 'bernoulli', keep: 0.5 } }));
  });

  it('refuse a start at or below the bound', () => {
    const error = refusal('RNNX_OPTION_CONFLICT', () => createRegularizer(learned({ spread: 0.1, lowerBound: 0.1 })));
    expect(error.details.got).to.include('0.1');
    refusal('RNNX_OPTION_CONFLICT', () =>
      createRegularizer(learned({ spread: 0.04, reading: 'variance', lowerBound: 0.2 })),
    );
    createRegularizer({ name: 'noisin', spread: 0.05 });
  });
});

describe('options of NOISIN', () => {
  const refused: readonly [string, object, string][] = [
    ['a spread of zero', { spread: 0 }, 'spread'],
    ['a negative spread', { spread: -1 }, 'spread'],
    ['a spread that is text', { spread: '1' }, 'spread'],
    ['no spread', {}, '"spread"'],
    ['an unknown reading', { spread: 1, reading: 'std' }, 'reading'],
    ['an unknown injection', { spread: 1, injection: 'multiplicativ' }, 'Did you mean "multiplicative"?'],
    ['a keep probability of one', { spread: 1, reading: 'keep-probability' }, 'keep probability'],
    ['a keep probability above one', { spread: 1.5, reading: 'keep-probability' }, 'keep probability'],
    ['a negative lower bound', { spread: 1, lowerBound: -0.1 }, 'lowerBound'],
    ['no samples', { spread: 1, samples: 0 }, 'samples'],
    ['a half sample', { spread: 1, evaluationSamples: 2.5 }, 'evaluationSamples'],
    ['an unknown option', { spread: 1, gama: 2 }, 'gama'],
  ];
  for (const [what, given, named] of refused)
    it(`refuse ${what}`, () => {
      const error = refusal('RNNX_CONFIG_INVALID', () => createRegularizer({ name: 'noisin', ...given }));
      expect(error.message).to.include(named);
    });

  it('refuse a distribution that is not there, naming the nearest', () => {
    for (const distribution of ['gausian', { name: 'gausian' }]) {
      const error = refusal('RNNX_PLUGIN_UNKNOWN', () =>
        createRegularizer({ name: 'noisin', spread: 1, distribution }),
      );
      expect(error.message).to.include('gaussian');
    }
  });

  it('refuse an option that the distribution does not have', () => {
    const distribution = { name: 'gamma', shap: 3 };
    const error = refusal('RNNX_CONFIG_INVALID', () => createRegularizer({ name: 'noisin', spread: 1, distribution }));
    expect(error.message).to.include('distribution').and.include('shap');
  });

  it('pass the options of the distribution on', async () => {
    const of = async (distribution: PluginRef) =>
      (await perturbations(createRegularizer({ name: 'noisin', spread: 1, distribution }), context([50])))[0]!.values;
    const plain = await of('gamma');
    expect(await of({ name: 'gamma' })).to.deep.equal(plain);
    expect(await of({ name: 'gamma', shape: 2 })).to.deep.equal(plain);
    expect(await of({ name: 'gamma', shape: 9 })).to.not.deep.equal(plain);
  });
});
