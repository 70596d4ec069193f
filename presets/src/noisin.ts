import type { PluginRef } from '@rnnx/core';
import { rowOf } from './papers.js';
import type { Choice, Preset, Published } from './preset.js';
import { bestCheckpoint, hiddenSizeOf, type ZarembaSize, zaremba } from './zaremba.js';

/**
 * What tables 1 and 2 of Dieng, Ranganath, Altosaar and Blei, "Noisin: Unbiased Regularization for Recurrent Neural
 * Networks" (2018), have in common: a 2-layer LSTM, plain or with dropout, times eight noises and none.
 */
export type Base = 'lstm' | 'dropout';
export type PublishedSize = Exclude<ZarembaSize, 'small'>;
export type Noise = keyof typeof noises;

/** γ as tabulated (null without noise) and the perplexities on the validation and test split. */
export type Cell = readonly [spread: number | null, valid: number, test: number];

export type NoisinTable = Readonly<Record<Base, Readonly<Record<Noise, Readonly<Record<PublishedSize, Cell>>>>>>;

/** As the tables write them. */
const noises = {
  none: 'None',
  gaussian: 'Gaussian',
  logistic: 'Logistic',
  laplace: 'Laplace',
  gamma: 'Gamma',
  bernoulli: 'Bernoulli',
  gumbel: 'Gumbel',
  beta: 'Beta',
  'chi-square': 'Chi',
};

/** A configuration of the study, published or not. */
export interface NoisinRow {
  readonly dataset: 'ptb' | 'wikitext-2';
  readonly size: ZarembaSize;
  readonly tied: boolean;
  readonly base: Base;
  readonly noise: Noise;
  /** γ; ignored without noise. */
  readonly spread: number;
  /** Of the dropout-LSTM: input, recurrent, output. */
  readonly rates: readonly [number, number, number];
}

const corpora = { ptb: 'Penn Treebank', 'wikitext-2': 'WikiText-2' };

/** Name, title and configuration of a row. */
export function noisinExperiment(row: NoisinRow): Pick<Preset, 'name' | 'aliases' | 'title' | 'config'> {
  const { dataset, size, tied, base, noise } = row;
  const [input, recurrent, output] = row.rates;
  const name = presetName(row);
  const regularizers: PluginRef[] = [];
  if (noise !== 'none') regularizers.push(noiseOf(noise, row.spread));
  if (base === 'dropout') regularizers.push({ name: 'dropout', placement: 'vertical', input, recurrent, output });
  return {
    name,
    ...(base === 'lstm' && noise === 'gaussian' ? { aliases: [`${name}-gaussian`] } : {}),
    title: `2x${hiddenSizeOf(size)} ${labelOf(base, noise)} on ${corpora[dataset]}`,
    config: { name, dataset, regularizers, ...zaremba(size, tied) },
  };
}

function presetName({ dataset, size, base, noise }: NoisinRow): string {
  const parts = ['noisin', dataset, size];
  if (base === 'dropout') parts.push('dropout');
  if (base === 'lstm' ? noise !== 'gaussian' : noise !== 'none') parts.push(noise);
  return parts.join('-');
}

/** γ as the tables give it: a standard deviation, but the keep probability for Bernoulli noise. */
function noiseOf(distribution: Exclude<Noise, 'none'>, spread: number): PluginRef {
  const reading = distribution === 'bernoulli' ? 'keep-probability' : 'standard-deviation';
  return { name: 'noisin', distribution, spread, reading };
}

function labelOf(base: Base, noise: Noise): string {
  return `${base === 'lstm' ? 'LSTM' : 'dropout-LSTM'} + ${noises[noise]}`;
}

/** Dropout of the dropout-LSTM at both sizes, as the paper gives it: input, recurrent, output. */
const publishedRates = [0.5, 0.4, 0.5] as const;

/** The 36 configurations of a table, medium before large. */
export function noisinPresets(
  dataset: NoisinRow['dataset'],
  table: { readonly name: string; readonly targets: string; readonly cells: NoisinTable },
): Preset[] {
  return (['medium', 'large'] as const).flatMap((size) =>
    noisinRows().map(({ base, noise }): Preset => {
      const [spread, valid, test] = table.cells[base][noise][size];
      const row: NoisinRow = { dataset, size, tied: true, base, noise, spread: spread ?? 0, rates: publishedRates };
      const target = `${table.targets}-${size}-${base === 'lstm' ? 'lstm' : 'dropout-lstm'}-${noise}`;
      const published: readonly Published[] = [
        { split: 'valid', metric: 'perplexity', value: valid, targets: [`${target}-dev`] },
        { split: 'test', metric: 'perplexity', value: test, targets: [`${target}-test`] },
      ];
      return {
        ...noisinExperiment(row),
        summary: `${corpora[dataset]} by words, ${size} network of Zaremba et al. (2014) with tied embeddings and their training.`,
        paper: rowOf('noisin', table.name, `${labelOf(base, noise)}, ${size}`),
        choices: choicesOf(row),
        published,
      };
    }),
  );
}

/** Plain LSTM before dropout-LSTM, noises in the order of the tables. */
export function noisinRows(): { base: Base; noise: Noise }[] {
  return (['lstm', 'dropout'] as const).flatMap((base) =>
    (Object.keys(noises) as Noise[]).map((noise) => ({ base, noise })),
  );
}

/** What the paper leaves open for that row. */
export function choicesOf({ dataset, base, noise }: Pick<NoisinRow, 'dataset' | 'base' | 'noise'>): readonly Choice[] {
  const choices: Choice[] = [
    {
      name: 'training',
      text: `Everything of the training is as in Zaremba et al. (2014) for the size in question${dataset === 'ptb' ? '' : ', on WikiText-2 too'}, since the paper takes its "basic settings" from there.`,
    },
    {
      name: 'tying',
      text: 'Embedding and output share a matrix, because only then does the network have the 13 or 51 million parameters that the paper states for Penn Treebank.',
    },
    bestCheckpoint,
  ];
  if (base === 'dropout')
    choices.push({
      name: 'places of dropout',
      text: 'The three rates act on the way into the first layer, between the layers and into the output layer, as in Zaremba et al. (2014).',
    });
  if (noise === 'none') return choices;
  choices.push(
    {
      name: 'shape of the noise',
      text: 'Noise is drawn anew for every step, example, layer and unit, with the same γ in both layers and none on embedding and cell state.',
    },
    { name: 'noise at evaluation', text: 'Without noise: by unbiasedness that is the mean of each transition.' },
  );
  if (noise === 'bernoulli')
    choices.push({
      name: 'reading of γ',
      text: 'γ is the keep probability, since √((1-γ)/γ) lies within 12 % of the Gaussian γ in seven of the eight cells.',
    });
  if (noise === 'gamma' || noise === 'beta' || noise === 'chi-square')
    choices.push({
      name: 'reading of γ',
      text: 'γ is the standard deviation, which is uncertain for this noise, and the shape of the distribution is that of docs/distributions.md.',
    });
  return choices;
}
