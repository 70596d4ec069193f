import {
  definePlugin,
  type Normalization,
  Normalizer,
  type ParameterSpec,
  type Perturbation,
  type PerturbContext,
  RnnxError,
  type Site,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { statisticsOf } from './statistics.js';

export interface BatchNormOptions {
  readonly gamma: number;
  readonly epsilon: number;
  readonly maxSteps: number;
  readonly initialNoise: number;
  readonly initialNoiseAtTest: boolean;
  readonly attention: boolean;
  readonly estimationBatches: number | null;
}

/**
 * Recurrent batch normalisation.
 *
 *     BN(x; γ, β) = β + γ ⊙ (x - E x) / √(Var x + ε)          (5), per unit, over the minibatch
 *     (f, i, o, g) = BN(h_{t-1} W_h; γ_h, 0) + BN(x_t W_x; γ_x, 0) + b          (6)
 *     c_t = σ(f) ⊙ c_{t-1} + σ(i) ⊙ tanh(g)                    (7), not normalised
 *     h_t = σ(o) ⊙ tanh(BN(c_t; γ_c, β_c))                     (8), only the copy that is read out
 *
 * The two products are normalised apart; β_h = β_x = 0, since b does that work. Scales are shared over time, statistics are
 * not: each time step has its own, from 0 to maxSteps - 1, and later steps use those of the last. Training uses those of the
 * minibatch (biased variance) and back-propagates through them; evaluation uses population statistics, the plain average
 * over the minibatches of the training split with parameters fixed. Padding is left out of the statistics.
 *
 * GRU and simple RNN: the same for both products; they have no c_t, so (8) does not apply.
 *
 * `initialNoise`: N(0, σ²) on h_0 per example, against pixels of zero variance in sequential MNIST. The paper does not say
 * whether it stays at test; the authors' code keeps it, also while population statistics are estimated, which without it
 * are those of another network than was trained. `initialNoiseAtTest` does so: an evaluation is then one Monte Carlo sample,
 * and what else is random is sampled too.
 *
 * `attention`: BN-everywhere, for readers of cloze questions: each product under a tanh of the attention goes through (5) too,
 * with a β of its own, since no bias stands beside it. Those that are made at each position of the document have statistics
 * by position.
 *
 * Parameters by layer l: `gamma-input-l`, `gamma-recurrent-l` `[G·H]`, `gamma-readout-l`, `beta-readout-l` `[H]`; by
 * term of the attention: `gamma-<term>`, `beta-<term>` `[H]`. Errors: RNNX_STATISTICS_MISSING, RNNX_OPTION_CONFLICT (one
 * example a minibatch), RNNX_SITE_UNSUPPORTED (`attention` for a model without one).
 */
export const batchNormLstm = definePlugin<'regularizer', BatchNormOptions>({
  kind: 'regularizer',
  name: 'batch-norm-lstm',
  summary: 'Recurrent batch normalization with statistics for each time step',
  core: '^0.1.0',
  paper: {
    title: 'Recurrent Batch Normalization',
    authors: 'Cooijmans, Ballas, Laurent, Gülçehre, Courville',
    year: 2016,
    url: 'https://arxiv.org/abs/1603.09025',
    equations: '(5)-(8)',
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      gamma: { type: 'number', exclusiveMinimum: 0, default: 0.1, description: 'start of every scale γ' },
      epsilon: { type: 'number', exclusiveMinimum: 0, default: 1e-5, description: 'added to the variance' },
      maxSteps: {
        type: 'integer',
        minimum: 1,
        default: 100,
        description: 'T_max: time steps with statistics of their own; later ones share those of the last',
      },
      initialNoise: { type: 'number', minimum: 0, default: 0, description: 'standard deviation of the noise on h_0' },
      initialNoiseAtTest: {
        type: 'boolean',
        default: false,
        description: 'keep that noise at evaluation and while population statistics are estimated',
      },
      attention: {
        type: 'boolean',
        default: false,
        description: 'also normalise every term under a tanh in the attention of a reader: BN-everywhere',
      },
      estimationBatches: {
        type: ['integer', 'null'],
        minimum: 1,
        default: null,
        description: 'minibatches over which population statistics are averaged; null for the whole training split',
      },
    },
  },
  create: ({ gamma, epsilon, maxSteps, initialNoise, initialNoiseAtTest, attention, estimationBatches }) => ({
    estimationBatches: estimationBatches ?? Number.POSITIVE_INFINITY,
    ...(initialNoise > 0 && initialNoiseAtTest && { monteCarlo: { train: 1, evaluate: 1, average: 'probabilities' } }),

    parameters: ({ layers, sites, attention: terms = [] }) => [
      ...layers.flatMap(({ hiddenSize, gates }, layer) => {
        const start = (name: string, size: number, value: number) => constant(`${name}-${layer}`, size, value);
        const columns = gates * hiddenSize;
        return [
          start('gamma-input', columns, gamma),
          start('gamma-recurrent', columns, gamma),
          ...(sites.includes('readout')
            ? [start('gamma-readout', hiddenSize, gamma), start('beta-readout', hiddenSize, 0)]
            : []),
        ];
      }),
      ...(attention ? terms : []).flatMap(({ name, size }) => [
        constant(`gamma-${name}`, size, gamma),
        constant(`beta-${name}`, size, 0),
      ]),
    ],

    perturb(context) {
      const { phase, model, batch, parameters, rng, mask, observe } = context;
      checkBatch(context);
      const estimating = observe !== undefined && initialNoiseAtTest;
      const noisy = initialNoise > 0 && (phase !== 'evaluate' || estimating);
      const normalization = (name: string): Normalization => {
        const beta = parameters[`beta-${name}`];
        return {
          gamma: parameters[`gamma-${name}`]!,
          ...(beta && { beta }),
          epsilon,
          ...(mask && { mask }),
          ...statisticsOf(name, context, maxSteps),
        };
      };
      const terms: Perturbation = {
        site: 'attention',
        kind: 'map',
        map: (x, { t, columns, term }) => new Normalizer(normalization(term!)).apply(x, t, columns),
      };
      const inLayers = model.layers.flatMap(({ hiddenSize }, layer): Perturbation[] => {
        const normalize = (site: Site, name: string) =>
          ({ site, layer, kind: 'normalize', ...normalization(`${name}-${layer}`) }) as const;
        return [
          normalize('preactivation.input', 'input'),
          normalize('preactivation.recurrent', 'recurrent'),
          ...(model.sites.includes('readout') ? [normalize('readout', 'readout')] : []),
          ...(noisy
            ? [{ site: 'initial', layer, kind: 'shift', value: h0Noise(layer, batch, hiddenSize) } as const]
            : []),
        ];
      });
      return attention ? [...inLayers, terms] : inLayers;

      function h0Noise(layer: number, rows: number, size: number): tf.Tensor {
        return tf.mul(rng.stream(`initial-${layer}`).normal([1, rows, size]), initialNoise); // [1, B, H]
      }
    },
  }),
});

function constant(name: string, size: number, value: number): ParameterSpec {
  return { name, shape: [size], init: { name: 'constant', value } };
}

/** A single example has no variance: every unit would become β. */
function checkBatch({ phase, batch }: PerturbContext): void {
  if (phase !== 'train' || batch > 1) return;
  throw new RnnxError('RNNX_OPTION_CONFLICT', 'Batch normalisation needs more than one example a minibatch', {
    got: 'training.batchSize 1',
    expected: 'at least 2',
    remedy: 'raise training.batchSize, or take layer-norm',
  });
}
