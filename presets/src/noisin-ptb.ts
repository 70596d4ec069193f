import type { ExperimentInput, PluginRef } from '@rnnx/core';
import type { Preset, Published, PublishedRow } from './preset.js';

/**
 * Penn Treebank rows of Dieng, Ranganath, Altosaar and Blei, "Noisin: Unbiased Regularization for Recurrent Neural
 * Networks" (2018), table 1: a 2-layer LSTM, plain or with dropout, times eight noises and none.
 *
 * Training follows Zaremba, Sutskever and Vinyals (2014), to which the paper refers. What the papers leave open and what
 * was chosen: docs/noisin.md.
 */
const noisin: Pick<PublishedRow, 'key' | 'title' | 'table'> = {
  key: 'noisin',
  title: 'Noisin: Unbiased Regularization for Recurrent Neural Networks',
  table: 'Table 1',
};

type Size = 'small' | 'medium' | 'large';
type PublishedSize = Exclude<Size, 'small'>;
type Base = 'lstm' | 'dropout';

/** γ as tabulated (null without noise) and the perplexities on the validation and test split. */
type Cell = readonly [spread: number | null, valid: number, test: number];

type Noise = keyof typeof noises;

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

const table1: Readonly<Record<Base, Readonly<Record<Noise, Readonly<Record<PublishedSize, Cell>>>>>> = {
  lstm: {
    none: { medium: [null, 115, 109], large: [null, 123, 123] },
    gaussian: { medium: [1.1, 76.2, 71.8], large: [1.37, 73.2, 69.1] },
    logistic: { medium: [1.06, 76.4, 72.3], large: [1.39, 73.6, 69.3] },
    laplace: { medium: [1.06, 76.6, 72.4], large: [1.39, 73.7, 69.4] },
    gamma: { medium: [1.06, 78.2, 74.5], large: [1.39, 73.6, 69.5] },
    bernoulli: { medium: [0.41, 75.7, 71.4], large: [0.33, 72.8, 68.3] },
    gumbel: { medium: [1.06, 76.2, 72.7], large: [1.39, 73.5, 69.5] },
    beta: { medium: [1.07, 76.0, 71.4], large: [1.5, 74.4, 70.2] },
    'chi-square': { medium: [1.5, 84.5, 80.7], large: [1.2, 79.2, 75.5] },
  },
  dropout: {
    none: { medium: [null, 80.2, 77.0], large: [null, 78.6, 75.3] },
    gaussian: { medium: [0.53, 73.4, 70.4], large: [0.92, 70.0, 66.1] },
    logistic: { medium: [0.53, 73.0, 69.9], large: [0.84, 69.8, 66.4] },
    laplace: { medium: [0.53, 73.1, 70.0], large: [0.92, 69.9, 66.6] },
    gamma: { medium: [0.38, 73.5, 70.3], large: [0.92, 71.1, 68.2] },
    bernoulli: { medium: [0.8, 73.3, 70.1], large: [0.5, 70.0, 66.1] },
    gumbel: { medium: [0.46, 74.5, 71.2], large: [0.92, 70.2, 67.1] },
    beta: { medium: [0.2, 73.0, 69.2], large: [0.7, 70.0, 66.2] },
    'chi-square': { medium: [0.29, 76.1, 72.8], large: [0.82, 73.0, 70.0] },
  },
};

/** Zaremba, Sutskever and Vinyals (2014), table 1, small network; embedding and output are not tied there. */
const zarembaSmall: Cell = [null, 120.7, 114.5];

/** Standard deviation of the noise at the small size, which the paper does not have: our choice. */
const smallSpread: Readonly<Record<Base, number>> = { lstm: 0.5, dropout: 0.3 };

/** Dropout of the dropout-LSTM rows: input, recurrent, output as the paper gives them; at the small size our choice. */
const rates: Readonly<Record<Size, readonly [number, number, number]>> = {
  small: [0.2, 0.2, 0.2],
  medium: [0.5, 0.4, 0.5],
  large: [0.5, 0.4, 0.5],
};

interface Settings {
  readonly hiddenSize: number;
  readonly tied: boolean;
  readonly initScale: number;
  readonly bptt: number;
  readonly decayAfter: number;
  readonly decayBy: number;
  readonly epochs: number;
  readonly clipNorm: number;
}

/**
 * The settings of Zaremba et al. (2014). Medium and large are tied, because only then do they have the 13 and 51 million
 * parameters that the NOISIN paper states; small is untied, because its published number is from an untied network.
 */
const settings: Readonly<Record<Size, Settings>> = {
  small: { hiddenSize: 200, tied: false, initScale: 0.1, bptt: 20, decayAfter: 4, decayBy: 2, epochs: 13, clipNorm: 5 },
  medium: {
    hiddenSize: 650,
    tied: true,
    initScale: 0.05,
    bptt: 35,
    decayAfter: 6,
    decayBy: 1.2,
    epochs: 39,
    clipNorm: 5,
  },
  large: {
    hiddenSize: 1500,
    tied: true,
    initScale: 0.04,
    bptt: 35,
    decayAfter: 14,
    decayBy: 1.15,
    epochs: 55,
    clipNorm: 10,
  },
};

function experiment(name: string, size: Size, regularizers: readonly PluginRef[]): ExperimentInput {
  const { hiddenSize, tied, initScale, bptt, decayAfter, decayBy, epochs, clipNorm } = settings[size];
  return {
    name,
    dataset: 'ptb',
    model: { cell: 'lstm', layers: 2, hiddenSize, tied, init: { name: 'uniform', scale: initScale } },
    regularizers,
    training: {
      epochs,
      batchSize: 20,
      bptt,
      carryState: true,
      lossReduction: 'sum',
      optimizer: { name: 'sgd', learningRate: 1 },
      schedule: { name: 'zaremba', after: decayAfter, factor: 1 / decayBy },
      clipNorm,
    },
  };
}

/** γ as the table gives it: a standard deviation, but the keep probability for Bernoulli noise. */
function noise(distribution: Exclude<Noise, 'none'>, spread: number): PluginRef {
  const reading = distribution === 'bernoulli' ? 'keep-probability' : 'standard-deviation';
  return { name: 'noisin', distribution, spread, reading };
}

function tabulated(size: Size, base: Base, distribution: Noise): Cell | undefined {
  if (size !== 'small') return table1[base][distribution][size];
  return base === 'lstm' && distribution === 'none' ? zarembaSmall : undefined;
}

function spreadOf(size: Size, base: Base, distribution: Exclude<Noise, 'none'>): number {
  const spread = tabulated(size, base, distribution)?.[0];
  if (typeof spread === 'number') return spread;
  const deviation = smallSpread[base];
  return distribution === 'bernoulli' ? 1 / (1 + deviation ** 2) : deviation;
}

function presetName(size: Size, base: Base, distribution: Noise): string {
  const parts = ['noisin-ptb', size];
  if (base === 'dropout') parts.push('dropout');
  if (base === 'lstm' ? distribution !== 'gaussian' : distribution !== 'none') parts.push(distribution);
  return parts.join('-');
}

function summarize(size: Size, base: Base, distribution: Noise): string {
  const sentences = [`Penn Treebank by words, training as in Zaremba et al. (2014), ${size} network.`];
  if (size !== 'small') sentences.push('Embedding and output tied, as the parameter count in the paper implies.');
  else if (base === 'lstm' && distribution === 'none')
    sentences.push('The published number is that of Zaremba et al. (2014), untied as here.');
  else sentences.push('The NOISIN paper has no row of this size: spread and dropout rates are our choice.');
  if (distribution === 'bernoulli') sentences.push('The spread is read as the keep probability.');
  if (['gamma', 'beta', 'chi-square'].includes(distribution) && size !== 'small')
    sentences.push('That the spread is the standard deviation is uncertain for this noise.');
  return sentences.join(' ');
}

function preset(size: Size, base: Base, distribution: Noise): Preset {
  const name = presetName(size, base, distribution);
  const [input, recurrent, output] = rates[size];
  const regularizers: PluginRef[] = [];
  if (distribution !== 'none') regularizers.push(noise(distribution, spreadOf(size, base, distribution)));
  if (base === 'dropout') regularizers.push({ name: 'dropout', placement: 'vertical', input, recurrent, output });
  const cell = tabulated(size, base, distribution);
  const published: Published[] =
    cell === undefined
      ? []
      : [
          { split: 'valid', metric: 'perplexity', value: cell[1] },
          { split: 'test', metric: 'perplexity', value: cell[2] },
        ];
  const label = `${base === 'lstm' ? 'LSTM' : 'dropout-LSTM'} + ${noises[distribution]}`;
  return {
    name,
    ...(name === `noisin-ptb-${size}` ? { aliases: [`${name}-gaussian`] } : {}),
    title: `2x${settings[size].hiddenSize} ${label} on Penn Treebank`,
    summary: summarize(size, base, distribution),
    ...(cell === undefined ? {} : { paper: sourceOf(size, label) }),
    published,
    config: experiment(name, size, regularizers),
  };
}

function sourceOf(size: Size, label: string): PublishedRow {
  if (size !== 'small') return { ...noisin, row: `${label}, ${size}` };
  return {
    key: 'zaremba',
    title: 'Recurrent Neural Network Regularization',
    table: 'Table 1',
    row: 'non-regularized, small',
  };
}

export const noisinPtb: readonly Preset[] = (['small', 'medium', 'large'] as const).flatMap((size) =>
  (['lstm', 'dropout'] as const).flatMap((base) =>
    (Object.keys(noises) as Noise[]).map((distribution) => preset(size, base, distribution)),
  ),
);
