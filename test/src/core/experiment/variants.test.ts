import { expandVariants, mergeConfig, parseExperiment, RnnxError } from '@rnnx/core';
import { expect } from 'chai';
import { stubRegistry } from './fixtures.js';

describe('expandVariants', () => {
  const registry = stubRegistry();
  const plan = (value: unknown) => expandVariants(registry, parseExperiment(registry, value));

  it('makes a run of each seed where there are no variants', () => {
    const runs = plan({ dataset: 'grammar', seeds: [3, 1] });
    expect(runs.map(({ variant, seed }) => [variant, seed])).to.deep.equal([
      ['base', 3],
      ['base', 1],
    ]);
    expect(runs[1]!.config.seeds).to.deep.equal([1]);
  });

  it('merges each variant over the rest and gives complete configurations', () => {
    const runs = plan({
      dataset: { name: 'grammar', size: 50 },
      regularizers: ['noisin'],
      training: { optimizer: { name: 'sgd', learningRate: 3 }, epochs: 7 },
      seeds: [1, 2],
      variants: {
        none: { regularizers: [] },
        fast: { training: { optimizer: { name: 'adam' } }, seeds: [9] },
        slow: { training: { optimizer: { learningRate: 0.1 } } },
      },
    });
    expect(runs.map(({ variant, seed }) => `${variant}-${seed}`)).to.deep.equal([
      'none-1',
      'none-2',
      'fast-9',
      'slow-1',
      'slow-2',
    ]);
    const [none, , fast, slow] = runs.map((run) => run.config);
    expect(none!.regularizers).to.deep.equal([]);
    expect(none!.training.optimizer).to.deep.equal({ name: 'sgd', learningRate: 3 });
    expect(fast!.training).to.deep.include({ epochs: 7 });
    expect(fast!.training.optimizer).to.deep.include({ name: 'adam', learningRate: 0.001 });
    expect(slow!.training.optimizer).to.deep.equal({ name: 'sgd', learningRate: 0.1 });
    for (const { config } of runs)
      expect(config).to.deep.include({ variants: {}, dataset: { name: 'grammar', size: 50 } });
  });

  const bad: readonly (readonly [string, object, RegExp])[] = [
    ['a wrong setting', { small: { model: { layers: -1 } } }, /variants\.small: model\.layers/],
    ['an unknown setting', { small: { modle: {} } }, /variants\.small/],
    ['variants of its own', { small: { variants: {} } }, /variants\.small/],
    ['plugins', { small: { plugins: [] } }, /variants\.small/],
    ['a name unfit for a folder', { 'a/b': {} }, /variants/],
  ];
  for (const [what, variants, summary] of bad)
    it(`refuses a variant with ${what}, before anything runs`, () => {
      expect(() => parseExperiment(registry, { dataset: 'grammar', variants }))
        .to.throw(RnnxError, summary)
        .with.property('code', 'RNNX_CONFIG_INVALID');
    });
});

describe('mergeConfig', () => {
  it('replaces arrays, merges objects, keeps both sides untouched', () => {
    const base = { a: [1, 2], b: { c: 1, d: 2 } };
    const patch = { a: [3], b: { c: 9 } };
    expect(mergeConfig(base, patch)).to.deep.equal({ a: [3], b: { c: 9, d: 2 } });
    expect(base).to.deep.equal({ a: [1, 2], b: { c: 1, d: 2 } });
    expect(patch).to.deep.equal({ a: [3], b: { c: 9 } });
  });

  it('drops the options of what another name replaces', () => {
    expect(mergeConfig({ name: 'sgd', learningRate: 3 }, { name: 'adam' })).to.deep.equal({ name: 'adam' });
    expect(mergeConfig({ name: 'sgd', learningRate: 3 }, { name: 'sgd', x: 1 })).to.deep.equal({
      name: 'sgd',
      learningRate: 3,
      x: 1,
    });
  });

  it('adds options to a bare name', () => {
    expect(mergeConfig('grammar', { size: 5 })).to.deep.equal({ name: 'grammar', size: 5 });
    expect(mergeConfig({ name: 'text', path: 'x' }, 'grammar')).to.equal('grammar');
  });
});
