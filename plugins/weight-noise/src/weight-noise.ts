import { definePlugin, type Perturbation, type PerturbContext, RnnxError } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { backwardOnly } from './backward.js';

export type NoisyWeights = 'input' | 'recurrent' | 'output';

export interface WeightNoiseOptions {
  readonly std: number;
  readonly weights: readonly NoisyWeights[];
  readonly form: 'additive' | 'multiplicative';
  readonly lifetime: 'step' | 'sequence';
  readonly pass: 'both' | 'backward';
}

/**
 * Gaussian noise on weight matrices in training.
 *
 *     W̃^(t) = W + Δ_t          additive, equation (11)
 *     W̃^(t) = W ⊙ (1 + Δ_t)    multiplicative, equation (12);   Δ_t,ij ~ N(0, σ²)
 *
 * The noise is not cumulative and the stored weights stay clean: the gradient flows through W̃ to W; evaluation uses W.
 * Multiplicative noise on a product a = Σ_k w_k x_k gives it mean a and variance σ² Σ_k w_k² x_k² (appendix A, 16-20), and
 * ∂L/∂w_k = (1 + Δ_k) x_k ∂L/∂a (23-24).
 *
 * `lifetime: "step"` draws Δ_t for every time step, `[T, rows, columns]`, "sequence" one Δ for all steps of a minibatch,
 * `[rows, columns]`; both are shared by the examples. `weights` names the noisy matrices: `recurrent` (RNN-N, -NS, -MN,
 * -MNS), or the feed-forward ones `input` and `output` (RNN-FF, equations 13-14). With tied weights `output` is the
 * embedding as the output layer reads it; the lookup stays clean. Sites: `weights.*` (shift or scale).
 *
 * `pass: "both"` uses W̃ forward and backward. "backward" is the paper's literal wording (noise only in optimisation, not
 * in the forward pass): W forward, W̃ where the gradient flows back through the recurrent product, ∂L/∂h = W̃ ∂L/∂a.
 *
 * Departures: the paper's Δ is "standard normal" while σ in [0.01, 0.1] is searched, hence Δ = σ N(0, 1); RNN-FF is taken
 * as additive.
 *
 * Errors: RNNX_CONFIG_INVALID for a negative σ; RNNX_OPTION_CONFLICT for "backward" with feed-forward weights.
 *
 * Source: "Regularizing Recurrent Networks", sections on weight noise, and appendix A.
 */
export const weightNoise = definePlugin<'regularizer', WeightNoiseOptions>({
  kind: 'regularizer',
  name: 'weight-noise',
  summary: 'Gaussian noise on weight matrices, additive or multiplicative, per step or per sequence',
  core: '^0.1.0',
  paper: {
    title: 'Regularizing Recurrent Networks - On Injected Noise and Norm-based Methods',
    authors: 'Ognawala, Bayer',
    year: 2014,
    url: 'https://arxiv.org/abs/1410.5684',
    equations: '(11)-(14), (16)-(25)',
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['std'],
    properties: {
      std: {
        type: 'number',
        minimum: 0,
        description: 'σ, standard deviation of the noise; the paper takes 0.01 to 0.1',
      },
      weights: {
        type: 'array',
        items: { enum: ['input', 'recurrent', 'output'] },
        minItems: 1,
        uniqueItems: true,
        default: ['recurrent'],
        description: 'the noisy matrices, of every layer: recurrent, or the feed-forward ones input and output',
      },
      form: {
        enum: ['additive', 'multiplicative'],
        default: 'additive',
        description: 'W + Δ, or W ⊙ (1 + Δ)',
      },
      lifetime: {
        enum: ['step', 'sequence'],
        default: 'sequence',
        description: 'new noise for every time step, or one draw for all steps of a minibatch',
      },
      pass: {
        enum: ['both', 'backward'],
        default: 'both',
        description: 'noisy weights forward and backward, or only backward through the recurrent product',
      },
    },
  },
  create(options) {
    const { std, weights, form, lifetime, pass } = options;
    check(options);
    const scale = form === 'multiplicative';
    const draw = ({ rng, steps }: PerturbContext, name: string, shape: readonly number[]) =>
      tf.mul(rng.stream(name).normal(lifetime === 'step' ? [steps, ...shape] : shape), std); // [T, r, c] or [r, c]
    return {
      perturb(context) {
        if (context.phase === 'evaluate' || std === 0) return [];
        if (pass === 'backward') return backwardOnly(context, scale, (name, shape) => draw(context, name, shape));
        const at = (site: `weights.${NoisyWeights}`, place: object, name: string, shape: readonly number[]) => {
          const noise = draw(context, `${site}-${name}`, shape);
          return { site, ...place, kind: scale ? 'scale' : 'shift', value: scale ? tf.add(noise, 1) : noise } as const;
        };
        const { layers, outputWeight } = context.model;
        const perturbations: Perturbation[] = layers.flatMap(({ inputWeight, recurrentWeights }, layer) => [
          ...(weights.includes('input') ? [at('weights.input', { layer }, `${layer}`, inputWeight.shape)] : []),
          ...(weights.includes('recurrent') ? recurrentWeights : []).map(({ name, shape }) =>
            at('weights.recurrent', { layer, weight: name }, `${layer}-${name}`, shape),
          ),
        ]);
        if (weights.includes('output')) perturbations.push(at('weights.output', {}, 'output', outputWeight));
        return perturbations;
      },
    };
  },
});

function check({ weights, pass }: WeightNoiseOptions): void {
  if (pass === 'backward' && weights.some((name) => name !== 'recurrent'))
    throw new RnnxError('RNNX_OPTION_CONFLICT', 'Noise in the backward pass alone acts on recurrent weights only', {
      got: `"weights": ${JSON.stringify(weights)} with "pass": "backward"`,
      expected: '"weights": ["recurrent"]',
      remedy: 'set "pass" to "both", or leave the feed-forward weights out',
    });
}
