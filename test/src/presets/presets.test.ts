import { type Preset, presets, presetsOfPaper } from '@rnnx/presets';
import { expect } from 'chai';
import { modelOf, parametersOf, parsed, presetNamed } from './registry.js';

const papers = [
  'noisin',
  'noise-based-regularizers',
  'recurrent-batch-normalization',
  'regularizing-recurrent-networks',
] as const;
const refs = ({ config }: Preset) => config.regularizers as readonly { readonly name: string }[];

describe('presets', () => {
  it('have unique names and aliases, and the name of their configuration', () => {
    const names = presets.flatMap((preset) => [preset.name, ...(preset.aliases ?? [])]);
    expect(new Set(names).size).to.equal(names.length);
    for (const preset of presets) expect(preset.config.name).to.equal(preset.name);
  });

  it('are found by paper, table after table', () => {
    expect(papers.map((key) => presetsOfPaper(key).length)).to.deep.equal([72, 26, 10, 40]);
    expect(new Set(presetsOfPaper('noisin').map(({ paper }) => paper!.table))).to.deep.equal(
      new Set(['Table 1', 'Table 2']),
    );
    expect(presetsOfPaper('nothing')).to.deep.equal([]);
  });

  for (const preset of presets)
    it(`${preset.name} is a valid experiment whose plugins accept their options and one another`, () => {
      for (const config of parsed(preset)) expect(modelOf(config).specs).not.to.be.empty;
    });

  it('name what they chose in one sentence each, none twice', () => {
    for (const { name, choices = [] } of presets) {
      expect(new Set(choices.map((choice) => choice.name)).size, name).to.equal(choices.length);
      for (const { text } of choices) expect(text, `${name}: ${text}`).to.match(/^[A-Zλγ].{8,}\.$/);
    }
    for (const key of papers)
      for (const { name, choices } of presetsOfPaper(key)) expect(choices, name).to.have.length.above(2);
  });

  it('cover each size with and without dropout, eight noises and none', () => {
    const noises = ['gaussian', 'logistic', 'laplace', 'gamma', 'bernoulli', 'gumbel', 'beta', 'chi-square'];
    const stems = ['ptb-small', 'ptb-medium', 'ptb-large', 'wikitext-2-medium', 'wikitext-2-large'];
    for (const stem of stems.map((place) => `noisin-${place}`)) {
      for (const noise of noises) {
        const plain = presetNamed(noise === 'gaussian' ? stem : `${stem}-${noise}`);
        expect(refs(plain)).to.have.length(1);
        expect(refs(plain)[0]).to.include({ name: 'noisin', distribution: noise });
        const both = refs(presetNamed(`${stem}-dropout-${noise}`)).map(({ name }) => name);
        expect(both).to.deep.equal(['noisin', 'dropout']);
      }
      expect(refs(presetNamed(`${stem}-none`))).to.deep.equal([]);
      expect(refs(presetNamed(`${stem}-dropout`)).map(({ name }) => name)).to.deep.equal(['dropout']);
      expect(presetNamed(stem).aliases).to.deep.equal([`${stem}-gaussian`]);
    }
  });

  it('claim nothing published for noise or dropout on the small network', () => {
    const claims = presets.filter((preset) => preset.name.includes('-small') && preset.published.length > 0);
    expect(claims.map((preset) => preset.name)).to.deep.equal(['noisin-ptb-small-none']);
    expect(claims[0]!.published.map(({ value }) => value)).to.deep.equal([120.7, 114.5]);
    expect(claims[0]!.config.model!.tied).to.equal(false);
  });

  it('tie medium and large, with the learning-rate schedule of Zaremba et al.', () => {
    const { config } = presetNamed('noisin-ptb-large');
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

  it('start all four methods of a row of the ICLR submission alike, but the learned noise level', () => {
    for (const activation of ['tanh', 'sigmoid', 'rectifier'])
      for (const layers of [1, 2]) {
        const rows = ['noisin', 'noisin-learned', 'dropout', 'none'].map(
          (method) => presetNamed(`iclr-ptb-${layers}-${activation}-${method}`).config,
        );
        for (const { model, training } of rows) expect({ model, training }).to.deep.equal(pick(rows[0]!));
      }
  });

  it('train the plain network of the music study like the one with a norm penalty, without it', () => {
    for (const corpus of ['jsb', 'nottingham', 'piano-midi', 'muse-data']) {
      const [plain, penalised] = ['rnn', 'nbr'].map((model) => presetNamed(`music-${corpus}-${model}`).config);
      expect(pick(plain!)).to.deep.equal(pick(penalised!));
      expect(plain!.regularizers).to.deep.equal([]);
    }
  });

  // 65,829 words, 600 markers; two LSTM with first states, four squares and a vector of attention, the output.
  const readerParameters =
    65_829 * 240 + 2 * (960 * (240 + 240) + 960 + 2 * 240) + 4 * 240 * 240 + 240 + 600 * 240 + 600;

  // Counted by hand from the equations of the cells.
  const counts: Readonly<Record<string, number>> = {
    'noisin-wikitext-2-medium': 33_278 * 650 + 33_278 + 2 * (4 * 650 * (650 + 650) + 4 * 650),
    'iclr-ptb-1-tanh-none': 2 * 10_000 * 256 + 10_000 + 256 * 256 + 256 * 256 + 256,
    'iclr-ptb-2-tanh-noisin-learned': 2 * 10_000 * 256 + 10_000 + 2 * (2 * 256 * 256 + 256) + 2,
    'iclr-wikitext-2-none': 2 * 33_278 * 200 + 33_278 + 2 * (4 * 200 * 400 + 4 * 200),
    'rbn-mnist-lstm': 400 * (1 + 100) + 400 + 10 * 100 + 10 + 2 * 100,
    'rbn-mnist-bn-lstm': 400 * (1 + 100) + 400 + 10 * 100 + 10 + 2 * 100 + 2 * 400 + 2 * 100,
    'rbn-ptb-char-lstm': 50 * 50 + 4000 * (50 + 1000) + 4000 + 50 * 1000 + 50 + 2 * 1000,
    'rbn-text8-bn-lstm': 27 * 27 + 8000 * (27 + 2000) + 8000 + 27 * 2000 + 27 + 2 * 2000 + 2 * 8000 + 2 * 2000,
    'rbn-reader-lstm': readerParameters,
    'rbn-reader-bn-lstm': readerParameters + 2 * (2 * 960 + 2 * 240),
    'rbn-reader-bn-everywhere': readerParameters + 2 * (2 * 960 + 2 * 240) + 4 * 2 * 240,
    'music-jsb-rnn': 200 * (88 + 200) + 200 + 88 * 200 + 88 + 200,
    'music-jsb-fd': 200 * (88 + 200) + 200 + 88 * 200 + 88 + 200,
    'music-muse-data-do': 600 * (88 + 600) + 600 + 88 * 600 + 88 + 600,
  };
  for (const [name, count] of Object.entries(counts))
    it(`${name} has ${count.toLocaleString('en')} parameters`, () => {
      for (const config of parsed(presetNamed(name))) expect(parametersOf(config)).to.equal(count);
    });
});

function pick({ model, training }: Preset['config']): Pick<Preset['config'], 'model' | 'training'> {
  return { model: model!, training: training! };
}
