import { rowOf } from './papers.js';
import type { Choice, Preset } from './preset.js';
import { accuracy } from './published.js';
import { batchNorm, common, label, type RbnModel, start } from './rbn.js';

/** "Recurrent Batch Normalization" (Cooijmans et al. 2016), table 1: MNIST pixel by pixel, test accuracy in per cent. */
const table1 = {
  mnist: { lstm: 98.9, 'bn-lstm': 99.0 },
  pmnist: { lstm: 90.2, 'bn-lstm': 95.4 },
} as const;

type Order = keyof typeof table1;

const pixels = 784;

function choicesOf(order: Order, model: RbnModel): readonly Choice[] {
  const choices: Choice[] = [
    {
      name: 'split',
      text: "The last 10,000 of the 60,000 training images are for validation, as in the authors' code.",
    },
    { name: 'pixels', text: 'Grey values are scaled to 0 to 1.' },
    { name: 'minibatches', text: "A hundred images, as in the authors' code." },
    { name: 'epochs', text: "At most 200, as in the authors' code." },
    {
      name: 'optimizer',
      text: 'RMSProp with decay 0.9 and without momentum, which is what "0.9 momentum" most likely denotes: the authors\' code sets the decay.',
    },
    {
      name: 'identity',
      text: "The candidate's block of the recurrent matrix starts at the identity and the gates' blocks at an orthogonal matrix, as in the authors' code.",
    },
    ...common(model),
  ];
  if (order === 'pmnist')
    choices.push({ name: 'permutation', text: 'A true permutation of the pixels, the same in all runs.' });
  if (order === 'mnist' && model === 'bn-lstm')
    choices.push({
      name: 'noise on the initial state',
      text: "N(0, 0.1²) on h_0 of every example, for images in reading order only, whose first pixels do not vary; in training and, as in the authors' code, at evaluation and while population statistics are estimated.",
    });
  return choices;
}

function preset(order: Order, model: RbnModel): Preset {
  const name = `rbn-${order}-${model}`;
  const title = order === 'mnist' ? 'sequential MNIST' : 'permuted sequential MNIST';
  return {
    name,
    title: `1x100 ${label(model)} on ${title}`,
    summary: `The digit of an image whose 784 pixels are read one at a time, ${order === 'mnist' ? 'row by row' : 'in a fixed random order'}.`,
    paper: rowOf(
      'recurrent-batch-normalization',
      'Table 1',
      `${label(model)}, ${order === 'mnist' ? 'MNIST' : 'pMNIST'}`,
    ),
    choices: choicesOf(order, model),
    published: [accuracy('test', table1[order][model], `rbn-1-${order}-${model}-test`)],
    config: {
      name,
      dataset: { name: 'sequential-mnist', permutation: order === 'mnist' ? null : 1 },
      model: {
        ...start({ candidateInit: { name: 'identity' } }),
        hiddenSize: 100,
      },
      regularizers: model === 'bn-lstm' ? [batchNorm(pixels, order === 'mnist' ? 0.1 : 0)] : [],
      training: {
        epochs: 200,
        batchSize: 100,
        bptt: pixels,
        carryState: false,
        optimizer: { name: 'rmsprop', learningRate: 1e-3, decay: 0.9 },
        clipNorm: 1,
      },
      evaluation: { batchSize: 100, steps: pixels },
    },
  };
}

export const rbnMnist: readonly Preset[] = (['mnist', 'pmnist'] as const).flatMap((order) =>
  (['lstm', 'bn-lstm'] as const).map((model) => preset(order, model)),
);
