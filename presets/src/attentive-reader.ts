import type { PluginRef } from '@rnnx/core';
import { rowOf } from './papers.js';
import type { Choice, Preset } from './preset.js';
import { batchNorm, start } from './rbn.js';

type ReaderModel = 'lstm' | 'bn-lstm' | 'bn-everywhere';

const models: readonly ReaderModel[] = ['lstm', 'bn-lstm', 'bn-everywhere'];
const labels: Readonly<Record<ReaderModel, string>> = {
  lstm: 'LSTM',
  'bn-lstm': 'BN-LSTM',
  'bn-everywhere': 'BN-everywhere',
};
/** Lowest validation error of each curve in the paper's later version, in per cent; the first version prints no number. */
const later: Readonly<Record<ReaderModel, number>> = { lstm: 50.3, 'bn-lstm': 49.5, 'bn-everywhere': 50.0 };

/** Longest passage of the corpus, in tokens. */
const longest = 2_000;
/** Positions with statistics of their own. */
const positions = 100;

function regularizersOf(model: ReaderModel, of: object): readonly PluginRef[] {
  if (model === 'lstm') return [];
  return [{ ...(batchNorm(positions) as { name: string }), ...of, attention: model === 'bn-everywhere' }];
}

function choicesOf(model: ReaderModel): readonly Choice[] {
  const choices: Choice[] = [
    {
      name: 'closest sentences',
      text: 'Those that share most distinct words with the question, the earlier of equal ones.',
    },
    { name: 'vocabulary', text: 'The 65,829 commonest symbols, <unk>, the placeholder and all markers included.' },
    { name: 'answers', text: 'One output for every entity marker.' },
    {
      name: 'markers',
      text: 'Drawn anew for every text in every epoch of training, and once for validation and test.',
    },
    { name: 'embedding', text: 'As wide as the hidden state, uniform between -0.05 and 0.05 at the start.' },
    {
      name: 'other parameters',
      text: 'Orthogonal matrices, the biases of the forget gates 1, the others 0, initial states learned.',
    },
    { name: 'learning rate', text: 'It stays the same throughout.' },
    { name: 'clipping', text: 'The global norm of the gradient, at 10.' },
    { name: 'epochs', text: 'At most 30, each of as many draws as there are training questions.' },
  ];
  if (model !== 'lstm')
    choices.push(
      {
        name: 'late positions',
        text: 'From the 100th on they share their statistics, since few texts of a minibatch are longer.',
      },
      { name: 'population statistics', text: 'The plain average over 500 minibatches, made before each evaluation.' },
    );
  return choices;
}

/**
 * "Recurrent Batch Normalization" (Cooijmans et al. 2016), figure 5: validation error of the Attentive Reader on CNN question
 * answering. The paper prints a curve and no number, hence nothing published here.
 */
export const rbnReader: readonly Preset[] = models.map((model) => {
  const name = `rbn-reader-${model}`;
  return {
    name,
    title: `${labels[model]} Attentive Reader on CNN question answering`,
    summary:
      'The entity at the placeholder of a question about a news text, from its four closest sentences; 240 units, Adam at rate ' +
      `8e-5. The paper shows a curve; that of its later version has its minimum at ${later[model].toFixed(1)} % on validation.`,
    paper: rowOf('recurrent-batch-normalization', 'Figure 5', labels[model]),
    choices: choicesOf(model),
    published: [],
    config: {
      name,
      dataset: {
        name: 'cnn-qa',
        sentences: 4,
        shuffleEntities: 'epoch',
        withReplacement: true,
        vocabularySize: 65_829,
      },
      model: { ...start(), hiddenSize: 240, embeddingInit: { name: 'uniform', scale: 0.05 } },
      regularizers: regularizersOf(model, { estimationBatches: 500 }),
      training: {
        epochs: 30,
        batchSize: 64,
        bptt: longest,
        carryState: false,
        optimizer: { name: 'adam', learningRate: 8e-5 },
        clipNorm: 10,
      },
      evaluation: { batchSize: 64 },
    },
  };
});

/** The three readers on synthetic questions, whose best error rate is known: 0 %. */
export const readerDemo: Preset = {
  name: 'reader-demo',
  title: 'Attentive Reader plain, with BN-LSTM and with BN-everywhere on synthetic questions',
  summary:
    'Compares the three readers of recurrent batch normalization on the built-in cloze questions, which reading answers ' +
    'without error; no download, a few minutes.',
  published: [],
  config: {
    name: 'reader-demo',
    dataset: 'synthetic-cloze',
    model: { cell: 'lstm', layers: 1, hiddenSize: 32 },
    training: {
      epochs: 16,
      batchSize: 32,
      bptt: 20,
      carryState: false,
      optimizer: { name: 'adam', learningRate: 5e-3 },
      clipNorm: 10,
      reportEvery: 25,
    },
    evaluation: { batchSize: 100 },
    variants: Object.fromEntries(
      models.map((model) => [model, { regularizers: regularizersOf(model, { maxSteps: 20, estimationBatches: 20 }) }]),
    ),
  },
};
