import { activationPenalty } from '@rnnx/activation-penalty';
import nativeBackends from '@rnnx/backend-native';
import { batchNormLstm } from '@rnnx/batch-norm-lstm';
import cells from '@rnnx/cells';
import type { AnyPlugin, Site } from '@rnnx/core';
import distributions from '@rnnx/distributions';
import { dropconnect } from '@rnnx/dropconnect';
import { dropout } from '@rnnx/dropout';
import { galDropout } from '@rnnx/gal-dropout';
import { layerNorm } from '@rnnx/layer-norm';
import { noisin } from '@rnnx/noisin';
import { recurrentDropout } from '@rnnx/recurrent-dropout';
import { tikhonov } from '@rnnx/tikhonov';
import { weightNoise } from '@rnnx/weight-noise';
import { zarembaDropout } from '@rnnx/zaremba-dropout';
import { zoneout } from '@rnnx/zoneout';
import { portableBackends, type RegularizerClaims } from '../kit/index.js';

/** Those that must agree, the native one with its fused kernels and without them. */
export const everyBackend: readonly AnyPlugin[] = [...portableBackends, ...nativeBackends];

/** What goes with any regularizer of ours. */
export const company = {
  with: [...cells, ...distributions],
  cells: ['lstm', 'gru', 'rnn'],
  backends: everyBackend,
} as const;

const perStep = { lifetime: 'step', sharing: 'example', unbiased: true } as const;
const perSequence = { lifetime: 'sequence', sharing: 'example', unbiased: true } as const;
const refused = (...options: Record<string, unknown>[]) =>
  options.map((option) => ({ options: option, code: 'RNNX_CONFIG_INVALID' }) as const);
const lstmSites: readonly Site[] = ['preactivation.input', 'preactivation.recurrent', 'readout'];

/** Every regularizer of ours with what it claims. The first valid case is the one that is tried in pairs. */
export const techniques: readonly (readonly [AnyPlugin, RegularizerClaims])[] = [
  [
    noisin,
    {
      ...company,
      valid: [
        { options: { spread: 0.5 }, sites: ['hidden'], ...perStep },
        { options: { spread: 0.5, distribution: 'laplace', learned: true }, sites: ['hidden'], ...perStep },
        {
          options: { spread: 0.4, injection: 'additive', samples: 2, evaluation: 'probabilities' },
          sites: ['hidden'],
          ...perStep,
        },
      ],
      variations: {
        distribution: ['gumbel', { name: 'gamma', shape: 3 }],
        spread: [0.7],
        reading: ['variance', 'keep-probability'],
        injection: ['additive', 'multiplicative'],
        learned: [true],
        lowerBound: [0.2],
        samples: [3],
        evaluation: ['log-probabilities'],
        evaluationSamples: [4],
      },
      invalid: [
        ...refused({}, { spread: 0 }, { spread: 1.2, reading: 'keep-probability' }),
        { options: { spread: 0.5, learned: true, distribution: 'bernoulli' }, code: 'RNNX_OPTION_CONFLICT' },
        { options: { spread: 0.5, learned: true, lowerBound: 0.6 }, code: 'RNNX_OPTION_CONFLICT' },
        { options: { spread: 0.5, distribution: 'norml' }, code: 'RNNX_PLUGIN_UNKNOWN' },
      ],
      identity: { spread: 1, distribution: 'kit-zero' },
    },
  ],
  [
    dropout,
    {
      ...company,
      valid: [
        { options: { input: 0.4, recurrent: 0.3, output: 0.5 }, sites: ['input', 'output'], ...perStep },
        { options: { recurrent: 0.3, placement: 'recurrent' }, sites: ['recurrent'], ...perStep },
      ],
      variations: { input: [0.6], recurrent: [0.6], output: [0.1], placement: ['recurrent'] },
      invalid: refused({ input: 1 }, { recurrent: -0.1 }, { placement: 'sideways' }),
      identity: {},
    },
  ],
  [
    galDropout,
    {
      ...company,
      valid: [
        {
          options: { input: 0.3, recurrent: 0.3, output: 0.2 },
          sites: ['input', 'recurrent', 'output'],
          ...perSequence,
        },
        {
          options: { input: 0.3, recurrent: 0.4, embedding: 0.3, gates: 'untied', samples: 3 },
          sites: ['embedding', 'input', 'recurrent'],
          ...perSequence,
        },
        { options: { input: 0, recurrent: 0, weightDecay: 1e-2 }, sites: [] },
      ],
      variations: {
        input: [0.1],
        recurrent: [0.1],
        output: [0.4],
        embedding: [0.1],
        gates: ['untied'],
        samples: [5],
        weightDecay: [1e-3],
        decayBiases: [true],
      },
      invalid: refused({}, { input: 1, recurrent: 0 }, { input: 0, recurrent: 0, weightDecay: -1 }),
      identity: { input: 0, recurrent: 0 },
    },
  ],
  [
    zarembaDropout,
    {
      ...company,
      valid: [{ options: { rate: 0.5 }, sites: ['input', 'output'], ...perStep }],
      variations: { rate: [0.2] },
      invalid: refused({}, { rate: 1 }),
      identity: { rate: 0 },
    },
  ],
  [
    recurrentDropout,
    {
      ...company,
      valid: [
        { options: { rate: 0.4 }, sites: ['candidate'], ...perStep },
        { options: { rate: 0.4, lifetime: 'sequence' }, sites: ['candidate'], ...perSequence },
      ],
      variations: { rate: [0.2] },
      invalid: refused({}, { rate: -0.5 }, { rate: 0.5, lifetime: 'forever' }),
      identity: { rate: 0 },
    },
  ],
  [
    zoneout,
    {
      ...company,
      valid: [
        { options: { hidden: 0.3 }, sites: ['hidden'], ...perStep },
        { options: { hidden: 0.2, cell: 0.5 }, sites: ['hidden', 'cell'], cell: 'lstm', ...perStep },
      ],
      variations: { hidden: [0.1], cell: [0.1] },
      invalid: refused({}, { hidden: 1 }, { hidden: 0.1, cell: -1 }),
      identity: { hidden: 0 },
    },
  ],
  [
    dropconnect,
    {
      ...company,
      valid: [
        { options: { rate: 0.4 }, sites: ['weights.recurrent'], lifetime: 'sequence', unbiased: true },
        { options: { rate: 0.4, lifetime: 'step' }, sites: ['weights.recurrent'], lifetime: 'step', unbiased: true },
        {
          options: { rate: 0.4, rescale: 'none' },
          sites: ['weights.recurrent'],
          lifetime: 'sequence',
          unbiased: false,
        },
        { options: { rate: 0.4, rescale: 'test' }, sites: ['weights.recurrent'], lifetime: 'sequence', unbiased: true },
      ],
      variations: { rate: [0.2] },
      invalid: refused({}, { rate: 1 }, { rate: 0.5, rescale: 'maybe' }),
      identity: { rate: 0 },
    },
  ],
  [
    weightNoise,
    {
      ...company,
      valid: [
        { options: { std: 0.1 }, sites: ['weights.recurrent'], lifetime: 'sequence', unbiased: true },
        {
          options: { std: 0.1, form: 'multiplicative', lifetime: 'step', weights: ['input', 'recurrent', 'output'] },
          sites: ['weights.input', 'weights.recurrent', 'weights.output'],
          lifetime: 'step',
          unbiased: true,
        },
        {
          options: { std: 0.3, pass: 'backward' },
          sites: ['preactivation.recurrent'],
          otherGradient: 'the noise acts in the backward pass only',
        },
      ],
      variations: {
        std: [0.2],
        weights: [['input']],
        form: ['multiplicative'],
        lifetime: ['step'],
        pass: ['backward'],
      },
      invalid: [
        ...refused({}, { std: -0.1 }, { std: 0.1, weights: [] }),
        { options: { std: 0.1, pass: 'backward', weights: ['input'] }, code: 'RNNX_OPTION_CONFLICT' },
      ],
      identity: { std: 0 },
    },
  ],
  [
    tikhonov,
    {
      ...company,
      valid: [
        { options: { lambda: 0.01 }, sites: [] },
        { options: { lambda: 0.02, q: 1, matrices: ['embedding', 'recurrent'] }, sites: [] },
      ],
      variations: { lambda: [0.1], q: [1], matrices: [['output']] },
      invalid: refused({}, { lambda: -1 }, { lambda: 1, q: 3 }, { lambda: 1, matrices: ['hidden'] }),
      identity: { lambda: 0 },
    },
  ],
  [
    activationPenalty,
    {
      ...company,
      valid: [
        { options: { activation: 2, temporal: 1 }, sites: [] },
        { options: { norm: 0.5, layers: 'all' }, sites: [] },
      ],
      variations: { activation: [1], temporal: [2], norm: [1], layers: ['all', 'last'] },
      invalid: refused({ activation: -1 }, { layers: 'first' }),
      identity: {},
    },
  ],
  [
    layerNorm,
    {
      ...company,
      valid: [
        { options: {}, sites: lstmSites },
        { options: { over: 'gate', readout: false, gain: 0.5 }, sites: lstmSites.slice(0, 2) },
      ],
      variations: { readout: [false], over: ['gate'], gain: [0.3], bias: [false], epsilon: [0.1] },
      invalid: refused({ epsilon: 0 }, { over: 'all' }),
      identity: null,
    },
  ],
  [
    batchNormLstm,
    {
      ...company,
      minimumBatch: 2,
      valid: [
        // With the default of 1e-5, steps at which all examples show one token are too steep for finite differences.
        { options: { gamma: 0.5, epsilon: 0.05 }, sites: lstmSites },
        {
          options: { gamma: 0.5, epsilon: 0.05, initialNoise: 0.3, maxSteps: 2, estimationBatches: 2 },
          sites: [...lstmSites, 'initial'],
          lifetime: { initial: 'sequence' },
          sharing: { initial: 'example' },
          unbiased: true,
        },
      ],
      variations: {
        gamma: [0.2],
        epsilon: [1e-5],
        maxSteps: [2],
        initialNoise: [0.1],
        initialNoiseAtTest: [true],
        attention: [true],
        estimationBatches: [1],
      },
      invalid: refused({ gamma: 0 }, { maxSteps: 0 }, { initialNoise: -1 }, { estimationBatches: 0 }),
      identity: null,
    },
  ],
];
