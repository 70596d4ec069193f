import { existsSync, readFileSync } from 'node:fs';
import { plugins as cells } from '@rnnx/cells';
import { expandVariants, type PluginRef, PluginRegistry, parseExperiment } from '@rnnx/core';
import { plugins as distributions } from '@rnnx/distributions';
import { plugins as dropout } from '@rnnx/dropout';
import { plugins as noisin } from '@rnnx/noisin';
import { type Preset, presets } from '@rnnx/presets';
import { expect } from 'chai';
import { stub } from '../core/experiment/fixtures.js';

const byName = new Map(presets.map((preset) => [preset.name, preset]));
type Options = Readonly<Record<string, unknown>>;
const regularizers = (preset: Preset) => preset.config.regularizers as readonly (PluginRef & Options)[];

describe('presets', () => {
  const registry = new PluginRegistry([
    ...cells,
    ...distributions,
    ...dropout,
    ...noisin,
    stub('dataset', 'ptb'),
    stub('dataset', 'grammar'),
  ]);

  it('have unique names and aliases, and the name of their configuration', () => {
    const names = presets.flatMap((preset) => [preset.name, ...(preset.aliases ?? [])]);
    expect(new Set(names).size).to.equal(names.length);
    for (const preset of presets) expect(preset.config.name).to.equal(preset.name);
  });

  for (const preset of presets)
    it(`${preset.name} is a valid experiment whose plugins accept their options`, () => {
      for (const { config } of expandVariants(registry, parseExperiment(registry, preset.config)))
        for (const ref of config.regularizers) expect(() => registry.create('regularizer', ref)).not.to.throw();
    });

  it('cover each size with and without dropout, eight noises and none', () => {
    const noises = ['gaussian', 'logistic', 'laplace', 'gamma', 'bernoulli', 'gumbel', 'beta', 'chi-square'];
    for (const size of ['small', 'medium', 'large']) {
      const stem = `noisin-ptb-${size}`;
      for (const noise of noises) {
        const plain = noise === 'gaussian' ? stem : `${stem}-${noise}`;
        expect(regularizers(byName.get(plain)!)).to.have.length(1);
        expect(regularizers(byName.get(plain)!)[0]).to.include({ name: 'noisin', distribution: noise });
        expect(regularizers(byName.get(`${stem}-dropout-${noise}`)!).map((ref) => ref.name)).to.deep.equal([
          'noisin',
          'dropout',
        ]);
      }
      expect(regularizers(byName.get(`${stem}-none`)!)).to.deep.equal([]);
      expect(regularizers(byName.get(`${stem}-dropout`)!).map((ref) => ref.name)).to.deep.equal(['dropout']);
      expect(byName.get(stem)!.aliases).to.deep.equal([`${stem}-gaussian`]);
    }
  });

  it('claim nothing published for noise or dropout on the small network', () => {
    const claims = presets.filter((preset) => preset.name.includes('-small') && preset.published.length > 0);
    expect(claims.map((preset) => preset.name)).to.deep.equal(['noisin-ptb-small-none']);
    expect(claims[0]!.published.map(({ value }) => value)).to.deep.equal([120.7, 114.5]);
    expect(claims[0]!.config.model!.tied).to.equal(false);
  });

  it('tie medium and large, with the learning-rate schedule of Zaremba et al.', () => {
    const { config } = byName.get('noisin-ptb-large')!;
    expect(config.model).to.deep.include({ hiddenSize: 1500, layers: 2, tied: true });
    expect(config.training).to.deep.include({
      epochs: 55,
      clipNorm: 10,
      lossReduction: 'sum',
      bptt: 35,
      batchSize: 20,
    });
    expect(config.training!.schedule).to.deep.equal({ name: 'zaremba', after: 14, factor: 1 / 1.15 });
  });
});

interface Target {
  readonly paper: string;
  readonly dataset: string;
  readonly split: 'dev' | 'test';
  readonly value: number;
  readonly model: { readonly size: 'medium' | 'large'; readonly base: string };
  readonly regularizer: { readonly noise: string | null; readonly gamma: number | null };
}

/** The published numbers, transcribed independently; kept beside a checkout, not in it. */
const transcript = new URL('../../../../shared/papers/targets.json', import.meta.url);

describe('published numbers of the NOISIN presets', () => {
  it('equal an independent transcript of table 1', function () {
    if (!existsSync(transcript)) {
      console.log('      no transcript of the papers beside this checkout: nothing to compare with');
      return this.skip();
    }
    const targets = (JSON.parse(readFileSync(transcript, 'utf8')) as Target[]).filter(
      ({ paper, dataset }) => paper === 'noisin' && dataset.startsWith('Penn Treebank'),
    );
    expect(targets).to.have.length(72);
    for (const { model, regularizer, split, value } of targets) {
      const noise = regularizer.noise ?? 'none';
      const suffix =
        model.base === 'lstm'
          ? ({ gaussian: '' }[noise] ?? `-${noise}`)
          : ({ none: '-dropout' }[noise] ?? `-dropout-${noise}`);
      const name = `noisin-ptb-${model.size}${suffix}`;
      const preset = byName.get(name)!;
      const ours = preset.published.find((number) => number.split === (split === 'dev' ? 'valid' : 'test'));
      expect(ours?.value, `${name} ${split}`).to.equal(value);
      const ref = regularizers(preset).find(({ name: plugin }) => plugin === 'noisin');
      expect(ref?.spread ?? null, `${name} spread`).to.equal(regularizer.gamma);
    }
  });
});
