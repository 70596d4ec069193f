import {
  type Base,
  choicesOf,
  type Noise,
  type NoisinRow,
  type NoisinTable,
  noisinExperiment,
  noisinPresets,
  noisinRows,
} from './noisin.js';
import { rowOf } from './papers.js';
import type { Preset } from './preset.js';

/** Dieng et al. (2018), table 1: Penn Treebank. */
const table1: NoisinTable = {
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

/** Standard deviation of the noise at the small size, which the paper does not have. */
const smallSpread: Readonly<Record<Base, number>> = { lstm: 0.5, dropout: 0.3 };

/**
 * The small network of Zaremba et al. (2014), which is trained in minutes: theirs without regularization, whose perplexity
 * they give, and the study on it, which the NOISIN paper does not have. Untied, as theirs.
 */
function smallPreset(base: Base, noise: Noise): Preset {
  const deviation = smallSpread[base];
  const row: NoisinRow = {
    dataset: 'ptb',
    size: 'small',
    tied: false,
    base,
    noise,
    spread: noise === 'bernoulli' ? 1 / (1 + deviation ** 2) : deviation,
    rates: [0.2, 0.2, 0.2],
  };
  const experiment = noisinExperiment(row);
  const training = 'Penn Treebank by words, small network of Zaremba et al. (2014) with its training.';
  if (base === 'lstm' && noise === 'none')
    return {
      ...experiment,
      summary: `${training} The published number is theirs.`,
      paper: rowOf('zaremba', 'Table 1', 'non-regularized, small'),
      published: [
        { split: 'valid', metric: 'perplexity', value: 120.7 },
        { split: 'test', metric: 'perplexity', value: 114.5 },
      ],
    };
  return {
    ...experiment,
    summary: `${training} The NOISIN paper has no row of this size: spread and dropout rates are our choice.`,
    choices: choicesOf(row).filter(({ name }) => name !== 'tying'),
    published: [],
  };
}

export const noisinPtb: readonly Preset[] = [
  ...noisinRows().map(({ base, noise }) => smallPreset(base, noise)),
  ...noisinPresets('ptb', { name: 'Table 1', targets: 'noisin-1-ptb', cells: table1 }),
];
