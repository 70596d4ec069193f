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
    model: { cell: 'lstm', layers: 1, hiddenSize: 64, tied: true, init: { name: 'uniform', scale: 0.1 } },
    training: {
      epochs: 8,
      batchSize: 20,
      bptt: 20,
      optimizer: { name: 'adam', learningRate: 0.004 },
      clipNorm: 5,
      reportEvery: 20,
    },
    evaluation: { batchSize: 20 },
    variants: {
      none: { regularizers: [] },
      dropout: { regularizers: [{ name: 'dropout', input: 0.2, output: 0.4 }] },
      noisin: { regularizers: [{ name: 'noisin', distribution: 'gaussian', spread: 0.8 }] },
    },
  },
};
