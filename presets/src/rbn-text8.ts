import { rowOf } from './papers.js';
import type { Preset } from './preset.js';
import { batchNorm, common, oneHot, start } from './rbn.js';

/** A sequence has 180 characters: 179 predictions. */
const predictions = 179;

/** "Recurrent Batch Normalization" (Cooijmans et al. 2016), table 3: text8, bits per character. */
export const rbnText8: readonly Preset[] = [
  {
    name: 'rbn-text8-bn-lstm',
    title: '1x2000 BN-LSTM on text8',
    summary: 'text8 by characters in sequences of 180, 90 million for training.',
    paper: rowOf('recurrent-batch-normalization', 'Table 3', 'BN-LSTM'),
    choices: [
      oneHot,
      {
        name: 'rate and minibatch',
        text: 'Adam at rate 0.001 with 128 sequences, to which the authors soon corrected the printed 0.01 and 64.',
      },
      { name: 'epochs', text: 'At most 50, or until five have passed without a better validation score.' },
      {
        name: 'sequences',
        text: 'Without overlap, from another random crop and in another random order each epoch; each begins in the learned initial state.',
      },
      {
        name: 'test',
        text: 'One pass over the whole split with the state carried, with the statistics of the last step from there on.',
      },
      ...common('bn-lstm'),
    ],
    published: [{ split: 'test', metric: 'bits-per-character', value: 1.39, targets: ['rbn-3-text8-bn-lstm-test'] }],
    config: {
      name: 'rbn-text8-bn-lstm',
      dataset: 'text8',
      model: { ...start(), hiddenSize: 2000, embeddingSize: 27, embeddingInit: { name: 'identity' } },
      regularizers: [batchNorm(predictions)],
      training: {
        epochs: 50,
        patience: 5,
        batchSize: 128,
        bptt: predictions,
        carryState: false,
        segments: 'shuffled',
        optimizer: { name: 'adam', learningRate: 0.001 },
        clipNorm: 1,
      },
    },
  },
];
