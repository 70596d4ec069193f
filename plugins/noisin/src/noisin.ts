import {
  definePlugin,
  type NoiseDistribution,
  type Perturbation,
  type PerturbContext,
  type PluginRef,
  pluginReference,
  type Regularizer,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { checkLearned, learnedSpread, spreadParameters } from './learned-spread.js';
import { type SpreadReading, standardDeviation } from './spread.js';

export interface NoisinOptions {
  readonly distribution: PluginRef;
  readonly spread: number;
  readonly reading: SpreadReading;
  readonly injection: 'multiplicative' | 'additive';
  readonly learned: boolean;
  readonly lowerBound: number;
  readonly samples: number;
  readonly evaluation: 'mean' | 'probabilities' | 'log-probabilities';
  readonly evaluationSamples: number;
}

/**
 * NOISIN: unbiased noise on the hidden state.
 *
 *     z_t = h_t ⊙ (1 + ε_t)   multiplicative, equation (5)
 *     z_t = h_t + ε_t         additive, equation (4)
 *
 * with E ε = 0, so that E[z_t | z_{t-1}] = h_t, equation (3). z_t replaces h_t everywhere: in the next step, in the layer
 * above and in the output layer. ε = γ e with e `[T, B, H]` standardised, drawn anew for every step, example, layer and
 * unit; γ is the standard deviation. The cell state carries no noise.
 *
 * Objective: (1/K) Σ_k -log p(x | z(ε^k)), a bound by Jensen, equations (6), (7); each of the K samples is a chain with a
 * carried state of its own. Evaluation: ε = 0 ("mean"), or S chains whose predictive probabilities (or log-probabilities:
 * the bound) are averaged.
 *
 * A learned spread is one per layer, γ_l = lowerBound + softplus(ρ_l), trained by reparameterisation (ICLR 2018
 * submission, section 1.6; without the bound it would go to zero).
 *
 * Departures: the papers leave open where and how often noise is drawn and what happens at evaluation; docs/noisin.md
 * lists our choices. Errors: RNNX_OPTION_CONFLICT, RNNX_CONFIG_INVALID.
 */
export const noisin = definePlugin<'regularizer', NoisinOptions>({
  kind: 'regularizer',
  name: 'noisin',
  summary: 'Unbiased multiplicative or additive noise on the hidden state',
  core: '^0.1.0',
  paper: {
    title: 'Noisin: Unbiased Regularization for Recurrent Neural Networks',
    authors: 'Dieng, Ranganath, Altosaar, Blei',
    year: 2018,
    url: 'https://arxiv.org/abs/1805.01500',
    equations: '(1)-(7)',
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['spread'],
    properties: {
      distribution: pluginReference('noise', 'family of the noise', 'gaussian'),
      spread: {
        type: 'number',
        exclusiveMinimum: 0,
        description: 'γ, read as "reading" says; the start of a learned one',
      },
      reading: {
        enum: ['standard-deviation', 'variance', 'keep-probability'],
        default: 'standard-deviation',
        description:
          'what the number γ means: the standard deviation of ε, its variance, or a keep probability p with variance (1-p)/p (the Bernoulli rows of the paper)',
      },
      injection: {
        enum: ['multiplicative', 'additive'],
        default: 'multiplicative',
        description: 'z = h(1 + ε), as in all reported results, or z = h + ε',
      },
      learned: { type: 'boolean', default: false, description: 'train one spread per layer' },
      lowerBound: {
        type: 'number',
        minimum: 0,
        default: 0.1,
        description: 'smallest standard deviation of a learned spread',
      },
      samples: {
        type: 'integer',
        minimum: 1,
        maximum: 1000,
        default: 1,
        description: 'K, Monte Carlo samples of the training objective',
      },
      evaluation: {
        enum: ['mean', 'probabilities', 'log-probabilities'],
        default: 'mean',
        description: 'ε = 0, or the average over noisy passes of the predictive probabilities or of their logarithms',
      },
      evaluationSamples: {
        type: 'integer',
        minimum: 1,
        maximum: 1000,
        default: 10,
        description: 'S, noisy passes of an evaluation other than "mean"',
      },
    },
  },
  create(options, context) {
    const { distribution: ref, reading, learned, lowerBound } = options;
    const distribution = context.create('noise', ref);
    const spread = standardDeviation(options.spread, reading);
    if (learned) checkLearned(ref, distribution, spread, lowerBound);
    return createNoisin(options, distribution, spread);
  },
});

function createNoisin(options: NoisinOptions, distribution: NoiseDistribution, spread: number): Regularizer {
  const { injection, learned, lowerBound, samples, evaluation, evaluationSamples } = options;
  const kind = injection === 'multiplicative' ? 'scale' : 'shift';
  const regularizer: Regularizer = {
    monteCarlo: {
      train: samples,
      evaluate: evaluation === 'mean' ? 0 : evaluationSamples,
      average: evaluation === 'log-probabilities' ? 'log-probabilities' : 'probabilities',
    },
    perturb({ phase, model, batch, steps, rng, parameters }: PerturbContext): Perturbation[] {
      if (phase === 'evaluate') return [];
      return model.layers.map(({ hiddenSize }, layer) => {
        const shape = [steps, batch, hiddenSize];
        const standardised = distribution.sample(shape, rng.stream(`layer-${layer}`), spread); // [T, B, H]
        const epsilon = tf.mul(standardised, learned ? learnedSpread(parameters, layer, lowerBound) : spread);
        return { site: 'hidden', layer, kind, value: kind === 'scale' ? tf.add(epsilon, 1) : epsilon };
      });
    },
  };
  return learned ? { ...regularizer, ...spreadParameters(spread, lowerBound) } : regularizer;
}
