import type { Preset } from './preset.js';

/**
 * One small LSTM three ways on the synthetic grammar, whose exact entropy is the floor of the perplexity. The corpus is
 * small enough to overfit, so that regularization shows within a minute on two cores.
 */
export const quickstart: Preset = {
  name: 'quickstart',
  title: 'LSTM plain, with dropout and with NOISIN on the synthetic grammar',
  summary:
    'Compares an unregularized LSTM with dropout and with NOISIN on the built-in grammar; no download, under a minute.',
  published: [],
  config: {
    name: 'quickstart',
    dataset: 'grammar',
    model: { cell: 'lstm', layers: 1, hiddenSize: 100, tied: true, init: { name: 'uniform', scale: 0.1 } },
    training: {
      epochs: 16,
      batchSize: 20,
      bptt: 20,
      lossReduction: 'sum',
      optimizer: { name: 'sgd', learningRate: 1 },
      schedule: { name: 'zaremba', after: 10, factor: 0.8 },
      clipNorm: 5,
      reportEvery: 20,
    },
    evaluation: { batchSize: 20 },
    variants: {
      none: { regularizers: [] },
      dropout: { regularizers: [{ name: 'dropout', input: 0.5, output: 0.5 }] },
      noisin: { regularizers: [{ name: 'noisin', distribution: 'gaussian', spread: 1 }] },
    },
  },
};
