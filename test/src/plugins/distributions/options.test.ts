import { createRng, type ErrorCode, type PluginRef, PluginRegistry, RnnxError } from '@rnnx/core';
import { plugins } from '@rnnx/distributions';
import { expect } from 'chai';

const registry = new PluginRegistry(plugins);

function refused(call: () => unknown, code: ErrorCode, message: RegExp): void {
  expect(call).to.throw(RnnxError, message).with.property('code', code);
}

/** A reference that must not pass and what its message must name. */
const invalid: readonly (readonly [Extract<PluginRef, object>, RegExp])[] = [
  ...plugins.map(({ name }) => [{ name, spread: 1 }, /unknown option "spread"/] as const),
  [{ name: 'bernoulli', keep: 0 }, /keep/],
  [{ name: 'bernoulli', keep: 1 }, /keep/],
  [{ name: 'bernoulli', keep: -0.1 }, /keep/],
  [{ name: 'bernoulli', keep: 1.5 }, /keep/],
  [{ name: 'bernoulli', keep: '0.5' }, /keep/],
  [{ name: 'gamma', shape: 0 }, /shape/],
  [{ name: 'gamma', shape: -2 }, /shape/],
  [{ name: 'gamma', shape: 0.0009 }, /shape/],
  [{ name: 'gamma', shape: 1_000_001 }, /shape/],
  [{ name: 'gamma', shape: 'two' }, /shape/],
  [{ name: 'gamma', meanOne: 1 }, /meanOne/],
  [{ name: 'beta', alpha: 0 }, /alpha/],
  [{ name: 'beta', alpha: -1 }, /alpha/],
  [{ name: 'beta', alpha: 2_000_000 }, /alpha/],
  [{ name: 'beta', alpha: [2] }, /alpha/],
  [{ name: 'beta', beta: 0 }, /beta/],
  [{ name: 'beta', beta: -1 }, /beta/],
  [{ name: 'beta', beta: 2_000_000 }, /beta/],
  [{ name: 'beta', beta: null }, /beta/],
  [{ name: 'beta', meanOne: 'yes' }, /meanOne/],
  [{ name: 'chi-square', degrees: 0 }, /degrees/],
  [{ name: 'chi-square', degrees: -3 }, /degrees/],
  [{ name: 'chi-square', degrees: 1.5 }, /degrees/],
  [{ name: 'chi-square', degrees: 1_000_001 }, /degrees/],
  [{ name: 'chi-square', degrees: null }, /degrees/],
];

describe('options of the distributions', () => {
  for (const [ref, message] of invalid)
    it(`refuses ${JSON.stringify(ref)}`, () => {
      refused(() => registry.create('noise', ref), 'RNNX_CONFIG_INVALID', message);
    });

  it('name the nearest option for a misspelt one', () => {
    refused(() => registry.create('noise', { name: 'gamma', shap: 2 }), 'RNNX_CONFIG_INVALID', /shape/);
  });

  it('accept the ends of their ranges', () => {
    const ends: Extract<PluginRef, object>[] = [
      { name: 'bernoulli', keep: null },
      { name: 'bernoulli', keep: 1e-9 },
      { name: 'gamma', shape: 1e-3 },
      { name: 'gamma', shape: 1e6, meanOne: false },
      { name: 'gamma', shape: null, meanOne: true },
      { name: 'beta', alpha: 1e-3, beta: 1e6 },
      { name: 'beta', alpha: null, beta: 1e-3, meanOne: true },
      { name: 'chi-square', degrees: 1 },
      { name: 'chi-square', degrees: 1e6 },
    ];
    for (const ref of ends) {
      const tensor = registry.create('noise', ref).sample([64], createRng(2), 1);
      const values = tensor.dataSync();
      tensor.dispose();
      expect(values.every(Number.isFinite), JSON.stringify(ref)).to.equal(true);
    }
  });

  it('carry their defaults', () => {
    const same = (short: PluginRef, full: PluginRef) => {
      const [left, right] = [short, full].map((ref) => {
        const tensor = registry.create('noise', ref).sample([64], createRng(2), 0.7);
        const values = tensor.dataSync();
        tensor.dispose();
        return values;
      });
      expect(left).to.deep.equal(right);
    };
    same('bernoulli', { name: 'bernoulli', keep: null });
    same('gamma', { name: 'gamma', shape: 2, meanOne: false });
    same('beta', { name: 'beta', alpha: 2, beta: 2, meanOne: false });
    same({ name: 'beta', meanOne: true }, { name: 'beta', beta: 2, meanOne: true });
    same('chi-square', { name: 'chi-square', degrees: 1 });
  });

  it('refuse a shape beside meanOne instead of ignoring it', () => {
    refused(
      () => registry.create('noise', { name: 'gamma', shape: 2, meanOne: true }),
      'RNNX_OPTION_CONFLICT',
      /"shape"/,
    );
    refused(
      () => registry.create('noise', { name: 'beta', alpha: 2, meanOne: true }),
      'RNNX_OPTION_CONFLICT',
      /"alpha"/,
    );
  });

  it('say whether the shape follows the spread', () => {
    const dependent = (ref: PluginRef) => registry.create('noise', ref).spreadDependent;
    for (const name of ['gaussian', 'logistic', 'laplace', 'gumbel', 'gamma', 'beta', 'chi-square'])
      expect(dependent(name), name).to.equal(false);
    expect(dependent('bernoulli')).to.equal(true);
    expect(dependent({ name: 'bernoulli', keep: 0.5 })).to.equal(false);
    expect(dependent({ name: 'gamma', meanOne: true })).to.equal(true);
    expect(dependent({ name: 'beta', meanOne: true })).to.equal(true);
  });

  for (const ref of ['bernoulli', { name: 'gamma', meanOne: true }, { name: 'beta', meanOne: true }])
    for (const spread of [0, -1, 1e-4, 1e4, Number.NaN, Number.POSITIVE_INFINITY])
      it(`${JSON.stringify(ref)} refuses the spread ${spread}`, () => {
        const noise = registry.create('noise', ref);
        const message = /from 0\.001 to 1000/;
        refused(() => noise.sample([2], createRng(1), spread), 'RNNX_SPREAD_INVALID', message);
        refused(() => noise.moments(spread), 'RNNX_SPREAD_INVALID', message);
        refused(() => noise.support(spread), 'RNNX_SPREAD_INVALID', message);
      });
});
