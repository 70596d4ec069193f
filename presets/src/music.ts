import type { ExperimentInput, PluginRef } from '@rnnx/core';
import { searchOf } from './music-search.js';
import { type Corpus, corpora, type Model, type Regularizer, type Settings } from './music-settings.js';
import { rowOf } from './papers.js';
import type { Choice, Preset } from './preset.js';
import { bestCheckpoint } from './zaremba.js';

/**
 * "Regularizing Recurrent Networks" (Ognawala and Bayer 2014), table 1: a simple recurrent network on four corpora of
 * polyphonic music, plain, under fast dropout and under eight regularizers.
 */
const models: Readonly<Record<Model, string>> = {
  rnn: 'Plain RNN',
  fd: 'RNN-FD',
  nbr: 'RNN-NBR',
  n: 'RNN-N',
  ns: 'RNN-NS',
  mn: 'RNN-MN',
  mns: 'RNN-MNS',
  do: 'RNN-DO',
  dos: 'RNN-DOS',
  ff: 'RNN-FF',
};

const summaries: Readonly<Record<Model, string>> = {
  rnn: 'without regularization',
  fd: 'with fast dropout',
  nbr: 'with a norm penalty on all matrices',
  n: 'with additive noise on the recurrent weights, drawn for every step',
  ns: 'with additive noise on the recurrent weights, drawn for every sequence',
  mn: 'with multiplicative noise on the recurrent weights, drawn for every step',
  mns: 'with multiplicative noise on the recurrent weights, drawn for every sequence',
  do: 'with recurrent weights set to zero, anew for every step',
  dos: 'with recurrent weights set to zero, anew for every sequence',
  ff: 'with additive noise on input and output weights, drawn for every step',
};

type Lifetime = 'step' | 'sequence';

const weightNoise = (form: string, lifetime: Lifetime, std: number, weights: readonly string[]): PluginRef =>
  ({ name: 'weight-noise', std, weights, form, lifetime }) as PluginRef;
const dropConnect = (lifetime: Lifetime, rate: number): PluginRef =>
  ({ name: 'dropconnect', rate, lifetime, rescale: 'test' }) as PluginRef;

function regularizer(kind: Regularizer, strength: number, norm: 1 | 2): PluginRef {
  switch (kind) {
    case 'nbr':
      return { name: 'tikhonov', lambda: 10 ** -strength, q: norm, matrices: ['input', 'recurrent', 'output'] };
    case 'n':
      return weightNoise('additive', 'step', strength, ['recurrent']);
    case 'ns':
      return weightNoise('additive', 'sequence', strength, ['recurrent']);
    case 'mn':
      return weightNoise('multiplicative', 'step', strength, ['recurrent']);
    case 'mns':
      return weightNoise('multiplicative', 'sequence', strength, ['recurrent']);
    case 'do':
      return dropConnect('step', strength);
    case 'dos':
      return dropConnect('sequence', strength);
    case 'ff':
      return weightNoise('additive', 'step', strength, ['input', 'output']);
  }
}

interface Recipe {
  readonly hiddenSize: number;
  readonly inputStd: number;
  readonly std: number;
  readonly connections: number;
  readonly spectralRadius: number;
  readonly outputBias: number;
  readonly momentum: number;
  readonly stepRate: number;
  readonly decay: number;
  readonly batchSize: number;
}

function tabulated(hiddenSize: number, settings: Settings): Recipe {
  const [inputStd, std, connections, spectralRadius, , momentum, stepRate, batchSize] = settings;
  const decay = 0.9;
  return {
    hiddenSize,
    inputStd,
    std,
    connections,
    spectralRadius,
    outputBias: 0,
    momentum,
    stepRate,
    decay,
    batchSize,
  };
}

/**
 * Fast dropout: what the authors' group published for JSB Chorales in a notebook of the library breze (2014), but for radius
 * (2 there), momentum (0.99) and width (400), which were chosen on the validation split of JSB Chorales.
 */
const fastDropout: Omit<Recipe, 'hiddenSize'> = {
  inputStd: 0.01,
  std: 1e-4,
  connections: 15,
  spectralRadius: 1.1,
  outputBias: -0.8,
  momentum: 0.9,
  stepRate: 1e-3,
  decay: 0.8,
  batchSize: 27,
};

function experiment(corpus: Corpus, model: Model): ExperimentInput {
  const { dataset, hiddenSize, settings, norm } = corpus;
  const name = `music-${corpus.name}-${model}`;
  const fast = model === 'fd';
  const row = fast || model === 'rnn' ? settings.nbr : settings[model];
  const recipe: Recipe = fast ? { hiddenSize, ...fastDropout } : tabulated(hiddenSize, row);
  const { inputStd, std, connections, spectralRadius, outputBias, momentum, stepRate, decay, batchSize } = recipe;
  return {
    name,
    dataset: { name: dataset, chunk: 100 },
    model: {
      cell: {
        ...(fast ? { name: 'fast-dropout', ...corpus.fastDropout, moments: 'closed-form' } : { name: 'rnn' }),
        activation: 'tanh',
        inputInit: { name: 'normal', std: inputStd },
        recurrentInit: { name: 'sparse', connections, std, spectralRadius },
        biasInit: { name: 'zeros' },
      },
      layers: 1,
      hiddenSize: recipe.hiddenSize,
      initialState: 'learned',
      init: { name: 'normal', std },
      outputBiasInit: outputBias === 0 ? { name: 'zeros' } : { name: 'constant', value: outputBias },
    },
    regularizers: fast || model === 'rnn' ? [] : [regularizer(model, row[4], norm)],
    training: {
      epochs: 1000,
      patience: 50,
      track: ['spectral-radius'],
      batchSize,
      bptt: 99,
      carryState: false,
      lossReduction: 'mean',
      optimizer: { name: 'rmsprop', learningRate: stepRate, momentum, decay, initial: 1 },
      clipNorm: null,
    },
    evaluation: { batchSize: 81 },
  };
}

const common: readonly Choice[] = [
  {
    name: 'data',
    text: 'The splits are those of Boulanger-Lewandowski et al. (2012), which all published files hold; the 60/20/20 of the paper fits JSB Chorales alone.',
  },
  {
    name: 'padding',
    text: 'The zeros in front of short chunks run through the network but do not count in the loss or in the validation score.',
  },
  {
    name: 'test',
    text: 'The mean over all predicted steps of all pieces; the first step of a piece is not predicted.',
  },
  { name: 'initial state', text: 'Learned from zero on, without noise.' },
  { name: 'back-propagation', text: 'Through the whole chunk, without clipping.' },
  { name: 'epochs', text: 'At most 1,000, or until 50 have passed without a better validation score.' },
  bestCheckpoint,
  {
    name: 'optimizer',
    text: 'RMSProp in the form of the library climin (Nesterov momentum, running square from 1), with decay 0.9 where the paper gives none.',
  },
  {
    name: 'start',
    text: 'W_in from σ₁, W_rec and W_out from σ₂, biases at zero; W_rec is made sparse first and then scaled to the spectral radius.',
  },
];

function choicesOf(corpus: Corpus, model: Model): readonly Choice[] {
  const choices = [...common];
  if (!corpus.certain && model !== 'rnn' && model !== 'fd')
    choices.push({
      name: 'which table',
      text: 'That these settings are of this corpus is told by the order of four tables without captions; this one and its neighbour could be exchanged.',
    });
  if (model === 'rnn')
    choices.push({
      name: 'settings',
      text: 'The paper gives none for the plain network: those of RNN-NBR, the only regularizer without noise, without its penalty.',
    });
  if (model === 'fd')
    choices.push(
      {
        name: 'settings',
        text: "The paper gives none: those of the authors' notebook for JSB Chorales (output bias -0.8, decay 0.8), on every corpus, with spectral radius 1.1 and momentum 0.9 in place of 2 and 0.99, which did not train stably.",
      },
      { name: 'rates', text: corpus.fastDropoutFrom },
      { name: 'moments', text: 'Of the nonlinearity in closed form, as in Wang and Manning (2013).' },
    );
  if (model === 'nbr')
    choices.push({
      name: 'penalty',
      text: "λ is 10 to minus the table's entry, a weight of the plain sum over W_in, W_rec and W_out without biases.",
    });
  if (model === 'do' || model === 'dos')
    choices.push({
      name: 'rescaling',
      text: 'Masked weights stay as they are in training and are multiplied by 1-p at evaluation, because dividing by 1-p in training overflows single precision in the first minibatch of four of the eight rows.',
    });
  if (['n', 'ns', 'mn', 'mns', 'ff'].includes(model))
    choices.push({
      name: 'noise',
      text: 'Gaussian with the tabulated standard deviation, forward and backward in training, shared by the sequences of a minibatch; none at evaluation.',
    });
  if (model === 'ff')
    choices.push({
      name: 'form',
      text: 'Additive, with independent noise on W_in and W_out; the equations are lost in the available text.',
    });
  return choices;
}

export const music: readonly Preset[] = corpora.flatMap((corpus) =>
  (Object.keys(models) as Model[]).map((model): Preset => {
    const config = experiment(corpus, model);
    const { title, target, table1 } = corpus;
    const search = searchOf(model);
    const label = model === 'rnn' ? 'plain-rnn' : `rnn-${model}`;
    return {
      name: config.name!,
      title: `1x${config.model!.hiddenSize} ${models[model]} on ${title}`,
      summary: `${title}: a simple recurrent network on piano rolls, ${summaries[model]}.`,
      paper: rowOf('regularizing-recurrent-networks', 'Table 1', `${models[model]}, ${title}`),
      choices: choicesOf(corpus, model),
      published: [
        { split: 'test', metric: 'nll-per-step', value: table1[model], targets: [`rrn-1-${target}-${label}-test`] },
      ],
      config,
      ...(search && { search }),
    };
  }),
);
