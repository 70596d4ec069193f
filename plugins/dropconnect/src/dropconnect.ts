import { definePlugin, type Perturbation } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

export interface DropConnectOptions {
  readonly rate: number;
  readonly lifetime: 'step' | 'sequence';
  readonly rescale: 'inverted' | 'none' | 'test';
}

/**
 * DropConnect on the recurrent matrices: single weights are set to zero, p being the probability.
 *
 *     W̃_rec = M ⊙ W_rec,   M_ij ~ Bernoulli(1-p)
 *
 * `lifetime: "step"` draws M_t for every time step (RNN-DO of the music study), "sequence" one M for all steps of a
 * minibatch (RNN-DOS; the weight drop of AWD-LSTM). The mask acts on the raw matrix and is shared by the examples;
 * gradients reach the raw matrix, ∂L/∂W = M ⊙ ∂L/∂W̃.
 *
 * What keeps the expected product, by `rescale`:
 *
 *     inverted   M / (1-p) in training, W at evaluation
 *     test       M in training, (1-p) W at evaluation
 *     none       M in training, W at evaluation: the products grow by 1/(1-p) from training to evaluation
 *
 * Masks: the weight's shape, `[H, G·H]`, or `[T, H, G·H]`; a cell with several recurrent matrices has one each. Site:
 * `weights.recurrent` (scale).
 *
 * Departure: the music study does not say whether it rescales; "inverted" is the custom of AWD-LSTM's code, "test" what the
 * study's rates (up to 0.93) can be trained with. Errors: RNNX_CONFIG_INVALID for a rate outside [0, 1).
 *
 * Source: "Regularizing Recurrent Networks", dropout of W_rec; Wan et al. 2013; Merity, Keskar, Socher 2018, section 2.
 */
export const dropconnect = definePlugin<'regularizer', DropConnectOptions>({
  kind: 'regularizer',
  name: 'dropconnect',
  summary: 'Recurrent weights randomly set to zero, per step or per sequence (weight drop)',
  core: '^0.1.0',
  paper: {
    title: 'Regularizing and Optimizing LSTM Language Models',
    authors: 'Merity, Keskar, Socher',
    year: 2018,
    url: 'https://arxiv.org/abs/1708.02182',
    equations: 'section 2',
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['rate'],
    properties: {
      rate: {
        type: 'number',
        minimum: 0,
        exclusiveMaximum: 1,
        description: 'p, probability that a recurrent weight is zero',
      },
      lifetime: {
        enum: ['step', 'sequence'],
        default: 'sequence',
        description: 'a mask for every time step, or one for all steps of a minibatch',
      },
      rescale: {
        enum: ['inverted', 'none', 'test'],
        default: 'inverted',
        description: 'divide by 1-p in training, multiply by 1-p at evaluation ("test"), or neither',
      },
    },
  },
  create: ({ rate, lifetime, rescale }) => ({
    perturb({ phase, model, steps, rng }) {
      if (rate === 0 || (phase === 'evaluate' && rescale !== 'test')) return [];
      return model.layers.flatMap(({ recurrentWeights }, layer) =>
        recurrentWeights.map(({ name, shape }): Perturbation => {
          const at = { site: 'weights.recurrent', layer, weight: name, kind: 'scale' } as const;
          if (phase === 'evaluate') return { ...at, value: tf.scalar(1 - rate) };
          const stream = rng.stream(`layer-${layer}-${name}`);
          const size = lifetime === 'step' ? [steps, ...shape] : shape; // [T, H, G·H] or [H, G·H]
          const scaled = rescale === 'inverted';
          return { ...at, value: scaled ? stream.dropoutMask(size, 1 - rate) : stream.bernoulli(size, 1 - rate) };
        }),
      );
    },
  }),
});
