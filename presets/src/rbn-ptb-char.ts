import { rowOf } from './papers.js';
import type { Choice, Preset } from './preset.js';
import { batchNorm, common, label, oneHot, type RbnModel, start } from './rbn.js';

/** "Recurrent Batch Normalization" (Cooijmans et al. 2016), table 2: characters of the Penn Treebank, bits per character. */
const table2: Readonly<Record<RbnModel, number>> = { lstm: 1.38, 'bn-lstm': 1.32 };

/** A segment has 100 characters: 99 predictions. */
const predictions = 99;

const choices: readonly Choice[] = [
  oneHot,
  { name: 'epochs', text: "At most 50, as in the authors' code." },
  {
    name: 'segments',
    text: 'Without overlap, from another random crop and in another random order each epoch; each begins in the learned initial state.',
  },
  {
    name: 'test',
    text: 'One pass over the whole split with the state carried, with the statistics of the last step from there on.',
  },
];

export const rbnPtbChar: readonly Preset[] = (['lstm', 'bn-lstm'] as const).map((model) => {
  const name = `rbn-ptb-char-${model}`;
  return {
    name,
    title: `1x1000 ${label(model)} on Penn Treebank, characters`,
    summary: 'Penn Treebank by characters in segments of 100, Adam at rate 0.002.',
    paper: rowOf('recurrent-batch-normalization', 'Table 2', label(model)),
    choices: [...choices, ...common(model)],
    published: [
      { split: 'test', metric: 'bits-per-character', value: table2[model], targets: [`rbn-2-ptbchar-${model}-test`] },
    ],
    config: {
      name,
      dataset: 'ptb-char',
      model: { ...start(), hiddenSize: 1000, embeddingSize: 50, embeddingInit: { name: 'identity' } },
      regularizers: model === 'bn-lstm' ? [batchNorm(predictions)] : [],
      training: {
        epochs: 50,
        batchSize: 64,
        bptt: predictions,
        carryState: false,
        segments: 'shuffled',
        optimizer: { name: 'adam', learningRate: 0.002 },
        clipNorm: 1,
      },
    },
  };
});
