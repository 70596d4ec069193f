import type { InitializerSpec, PluginRef } from '@rnnx/core';
import { additiveNoise, atEvaluation, learnedNoise, learnedSpread } from './iclr.js';
import { rowOf } from './papers.js';
import type { Choice, Preset } from './preset.js';
import { bestCheckpoint } from './zaremba.js';

/**
 * "Noise-based regularizers for recurrent neural networks" (submitted to ICLR 2018), table 2: simple networks on the Penn
 * Treebank, test perplexity.
 */
type Activation = 'tanh' | 'sigmoid' | 'rectifier';
type Method = 'noisin' | 'noisin-learned' | 'dropout' | 'none';

const methods = ['noisin', 'noisin-learned', 'dropout', 'none'] as const satisfies readonly Method[];

/** In the order of `methods`. */
type Row = readonly [layers: 1 | 2, activation: Activation, perplexities: readonly [number, number, number, number]];

const table2: readonly Row[] = [
  [1, 'tanh', [131.9, 140.9, 138.3, 141.4]],
  [2, 'tanh', [140.5, 142.4, 165.2, 157.9]],
  [1, 'sigmoid', [166.0, 144.7, 146.9, 157.4]],
  [2, 'sigmoid', [196.8, 154.3, 152.2, 164.4]],
  [1, 'rectifier', [158.4, 149.2, 169.8, 175.3]],
  [2, 'rectifier', [171.0, 165.9, 168.5, 165.0]],
];

/** Only the caption of figure 2 gives a size. */
const hiddenSize = 256;

/** Middle of the grid 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1. */
const fixedSpread = 0.3;

/** Middle of the grid 0.1 to 0.5. */
const dropRate = 0.3;

const regularizersOf: Readonly<Record<Method, readonly PluginRef[]>> = {
  noisin: [additiveNoise(fixedSpread)],
  'noisin-learned': [learnedNoise],
  dropout: [{ name: 'gal-dropout', input: dropRate, recurrent: dropRate }],
  none: [],
};

const labels: Readonly<Record<Method, string>> = {
  noisin: 'NOISIN',
  'noisin-learned': 'NOISIN*',
  dropout: 'Dropout',
  none: 'None',
};

/** The same start for the four methods of a row: the paper stresses its influence. */
const starts: Readonly<Record<Activation, { readonly init: InitializerSpec; readonly cell: PluginRef }>> = {
  tanh: { init: { name: 'uniform', scale: 0.1 }, cell: { name: 'rnn', activation: 'tanh' } },
  sigmoid: { init: { name: 'uniform', scale: 0.1 }, cell: { name: 'rnn', activation: 'sigmoid' } },
  rectifier: {
    init: { name: 'normal', std: 0.01 },
    cell: { name: 'rnn', activation: 'relu', recurrentInit: { name: 'identity', scale: 0.5 } },
  },
};

function choicesOf(method: Method, activation: Activation): readonly Choice[] {
  const start =
    activation === 'rectifier'
      ? 'Weights start at N(0, 0.01²) and the recurrent matrix at half the identity, of the range 0.5 to 1 that suits rectifiers.'
      : `Weights start uniformly in (-0.1, 0.1)${activation === 'sigmoid' ? ', the output bias at zero' : ''}.`;
  const choices: Choice[] = [
    { name: 'hidden size', text: 'Layers have 256 units, the only size that the paper names (figure 2).' },
    {
      name: 'embedding',
      text: 'Words enter through an embedding of 256 units and an input matrix, where the paper multiplies one-hot words by one matrix.',
    },
    {
      name: 'minibatches',
      text: 'Twenty streams, 35 steps of back-propagation and a gradient norm of 5 at most, of the mean loss.',
    },
    { name: 'epochs', text: 'There are 50.' },
    bestCheckpoint,
    { name: 'start', text: start },
  ];
  if (method === 'noisin')
    choices.push(
      { name: 'noise level', text: 'The standard deviation is 0.3, the middle of a grid from 0.05 to 1.' },
      atEvaluation,
    );
  if (method === 'noisin-learned') choices.push(learnedSpread, atEvaluation);
  if (method === 'dropout')
    choices.push(
      {
        name: 'rate',
        text: 'Masks drop 0.3 of the units, the middle of a grid from 0.1 to 0.5, of inputs and of recurrent state alike.',
      },
      { name: 'dropout at evaluation', text: 'Without masks: by the expectation of the weights.' },
    );
  return choices;
}

function preset(layers: 1 | 2, activation: Activation, method: Method, perplexity: number): Preset {
  const name = `iclr-ptb-${layers}-${activation}-${method}`;
  const { init, cell } = starts[activation];
  return {
    name,
    title: `${layers}x${hiddenSize} ${activation} RNN, ${labels[method]}, on Penn Treebank`,
    summary:
      'Penn Treebank by words with a simple recurrent network, Adam at rate 0.001 and additive Gaussian noise, variational dropout or neither.',
    paper: rowOf('noise-based-regularizers', 'Table 2', `${layers} ${activation}, ${labels[method]}`),
    choices: choicesOf(method, activation),
    published: [
      {
        split: 'test',
        metric: 'perplexity',
        value: perplexity,
        targets: [`noisebased-2-ptb-${layers}layer-${activation}-${method}-test`],
      },
    ],
    config: {
      name,
      dataset: 'ptb',
      model: {
        cell,
        layers,
        hiddenSize,
        init,
        ...(activation === 'sigmoid' ? { outputBiasInit: { name: 'zeros' } } : {}),
      },
      regularizers: regularizersOf[method],
      training: {
        epochs: 50,
        batchSize: 20,
        bptt: 35,
        carryState: true,
        lossReduction: 'mean',
        optimizer: { name: 'adam', learningRate: 0.001 },
        clipNorm: 5,
      },
    },
  };
}

export const iclrPtb: readonly Preset[] = table2.flatMap(([layers, activation, perplexities]) =>
  methods.map((method, i) => preset(layers, activation, method, perplexities[i]!)),
);
