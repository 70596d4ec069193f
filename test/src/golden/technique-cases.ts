import { createRng, type PassOptions, type Phase, type PluginRef, type SequenceModel, type Weights } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { buildModel, tokenBatch } from '../support/models.js';
import { perturbations } from '../support/perturbations.js';
import { technique } from '../support/techniques.js';

/** A model whose loss and gradients PyTorch works out with the masks that the plugins draw. */
export interface TechniqueCase {
  readonly id: string;
  readonly cell: PluginRef;
  readonly regularizers: readonly ({ readonly name: string } & Readonly<Record<string, unknown>>)[];
  readonly phase?: Phase;
  readonly copies?: number;
  /** Whose draws are handed to PyTorch where those of the regularizers cannot be read: equal ones. */
  readonly drawFrom?: readonly ({ readonly name: string } & Readonly<Record<string, unknown>>)[];
}

export const sizes = { V: 5, H: 3, T: 3, B: 2, L: 2 };

const lstm = 'lstm';
const before = { name: 'gru', reset: 'before' } as const;
const gal = { name: 'gal-dropout', input: 0.3, recurrent: 0.4, output: 0.2, embedding: 0.3 };
const noise = { name: 'weight-noise', std: 0.3 };
const rnnNoise = { ...noise, lifetime: 'step' };
const norm = { name: 'layer-norm' };

export const techniqueCases: readonly TechniqueCase[] = [
  { id: 'gal, tied, weight decay', cell: lstm, regularizers: [{ ...gal, weightDecay: 0.02 }] },
  {
    id: 'gal, untied, weight decay with biases',
    cell: lstm,
    regularizers: [{ ...gal, gates: 'untied', weightDecay: 0.02, decayBiases: true }],
  },
  { id: 'gal, untied, GRU', cell: 'gru', regularizers: [{ ...gal, gates: 'untied' }] },
  { id: 'gal, untied, GRU with reset before', cell: before, regularizers: [{ ...gal, gates: 'untied' }] },
  {
    id: 'gal, Monte Carlo evaluation',
    cell: lstm,
    regularizers: [{ ...gal, samples: 3 }],
    phase: 'sample',
    copies: 3,
  },
  { id: 'zaremba', cell: lstm, regularizers: [{ name: 'zaremba-dropout', rate: 0.4 }] },
  { id: 'recurrent dropout per step', cell: lstm, regularizers: [{ name: 'recurrent-dropout', rate: 0.4 }] },
  {
    id: 'recurrent dropout per sequence, GRU',
    cell: 'gru',
    regularizers: [{ name: 'recurrent-dropout', rate: 0.4, lifetime: 'sequence' }],
  },
  { id: 'zoneout', cell: lstm, regularizers: [{ name: 'zoneout', hidden: 0.3, cell: 0.5 }] },
  { id: 'zoneout, GRU', cell: 'gru', regularizers: [{ name: 'zoneout', hidden: 0.3 }] },
  {
    id: 'zoneout, evaluation',
    cell: lstm,
    regularizers: [{ name: 'zoneout', hidden: 0.3, cell: 0.5 }],
    phase: 'evaluate',
  },
  { id: 'dropconnect per sequence', cell: lstm, regularizers: [{ name: 'dropconnect', rate: 0.5 }] },
  {
    id: 'dropconnect per step, not rescaled, simple RNN',
    cell: 'rnn',
    regularizers: [{ name: 'dropconnect', rate: 0.5, lifetime: 'step', rescale: 'none' }],
  },
  {
    id: 'dropconnect per step, GRU with reset before',
    cell: before,
    regularizers: [{ name: 'dropconnect', rate: 0.5, lifetime: 'step' }],
  },
  {
    id: 'dropconnect rescaled at evaluation',
    cell: lstm,
    regularizers: [{ name: 'dropconnect', rate: 0.5, rescale: 'test' }],
    phase: 'evaluate',
  },
  { id: 'weight noise, additive per step', cell: 'rnn', regularizers: [rnnNoise] },
  {
    id: 'weight noise, multiplicative per sequence',
    cell: lstm,
    regularizers: [{ ...noise, form: 'multiplicative' }],
  },
  {
    id: 'weight noise, feed-forward per step',
    cell: 'rnn',
    regularizers: [{ ...rnnNoise, weights: ['input', 'output'] }],
  },
  {
    id: 'weight noise in the backward pass alone, multiplicative per step, GRU with reset before',
    cell: before,
    regularizers: [{ ...rnnNoise, form: 'multiplicative', pass: 'backward' }],
    drawFrom: [{ ...rnnNoise, form: 'multiplicative' }],
  },
  {
    id: 'weight noise in the backward pass alone, additive per sequence',
    cell: lstm,
    regularizers: [{ ...noise, pass: 'backward' }],
    drawFrom: [noise],
  },
  { id: 'layer norm', cell: lstm, regularizers: [norm], drawFrom: [] },
  { id: 'layer norm by gate, GRU', cell: 'gru', regularizers: [{ ...norm, over: 'gate', bias: false }], drawFrom: [] },
  { id: 'layer norm, GRU with reset before', cell: before, regularizers: [norm], drawFrom: [] },
  { id: 'layer norm, simple RNN', cell: 'rnn', regularizers: [norm], drawFrom: [] },
  {
    id: 'activation penalties of the last layer under dropout',
    cell: lstm,
    regularizers: [
      { name: 'zaremba-dropout', rate: 0.4 },
      { name: 'activation-penalty', activation: 2, temporal: 1, norm: 3 },
    ],
  },
  {
    id: 'activation penalties of all layers, GRU',
    cell: 'gru',
    regularizers: [{ name: 'activation-penalty', activation: 2, temporal: 1, norm: 3, layers: 'all' }],
  },
];

export const batch = tokenBatch(sizes.T, sizes.B, sizes.V);

export function passOf({ phase = 'train', copies = 1 }: TechniqueCase): PassOptions {
  return { phase, copies, average: phase === 'train' ? 'log-probabilities' : 'probabilities', rng: createRng(32) };
}

export function modelOf({ cell, regularizers }: TechniqueCase): SequenceModel {
  const { H, L, V } = sizes;
  return buildModel({ cell, layers: L, hiddenSize: H, tied: false }, regularizers.map(technique), V);
}

/** Weights of the case, those of the regularizers away from their start too; the caller owns them. */
export function weightsOf(model: SequenceModel): Weights {
  const rng = createRng(31);
  const weights = model.initialize(rng);
  for (const { name, shape } of model.specs)
    if (/^[^/]*norm/.test(name)) {
      weights[name]!.dispose();
      weights[name] = tf.tidy(() => tf.add(rng.stream(`start ${name}`).uniform(shape), 0.5));
    }
  return weights;
}

export interface Draw {
  /** `owner/site/layer/weight`, as far as there is one. */
  readonly place: string;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** What the plugins draw for the case, in the order in which they return it. */
export async function drawsOf(entry: TechniqueCase, model: SequenceModel): Promise<Draw[]> {
  const { phase, copies, rng } = passOf(entry);
  const draws: Draw[] = [];
  for (const { name, regularizer } of (entry.drawFrom ?? entry.regularizers).map(technique)) {
    const made = await perturbations(regularizer, {
      phase,
      model: model.shape,
      batch: sizes.B * copies,
      steps: sizes.T,
      rng: rng.stream(name),
      parameters: {},
    });
    for (const { site, layer, weight, shape, values } of made)
      draws.push({
        place: [name, site, layer, weight].filter((part) => part !== undefined).join('/'),
        shape,
        values: Array.from(values, (value) => Number(value.toPrecision(9))),
      });
  }
  return draws;
}
