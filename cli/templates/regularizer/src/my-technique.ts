import { definePlugin, type Perturbation } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

export interface Options {
  readonly rate: number;
}

/**
 * Multiplicative uniform noise on the hidden state:
 *
 *     z_t = h_t ⊙ (1 + r u_t)        u_t ~ U(-1, 1)
 *
 * E u = 0, so that E z_t = h_t; the factor varies between 1 - r and 1 + r, with variance r² / 3. z_t replaces h_t in the
 * next step, in the layer above and in the output layer.
 *
 * Factors `[T, B, H]`: anew for every step, example, unit and layer. Site: `hidden`, kind `scale`. Evaluation is without
 * noise, which is its expectation.
 *
 * Errors: RNNX_CONFIG_INVALID for a rate outside [0, 1].
 *
 * Source: Dieng et al. 2018, equations (3), (5), which hold for any noise of mean 0; the uniform one is not in the paper.
 */
export default definePlugin<'regularizer', Options>({
  kind: 'regularizer',
  name: 'my-technique',
  summary: 'Uniform multiplicative noise on the hidden state',
  core: '^0.1.0',
  paper: {
    title: 'Noisin: Unbiased Regularization for Recurrent Neural Networks',
    authors: 'Dieng, Ranganath, Altosaar, Blei',
    year: 2018,
    url: 'https://arxiv.org/abs/1805.01500',
    equations: '(3), (5)',
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['rate'],
    properties: {
      rate: {
        type: 'number',
        minimum: 0,
        maximum: 1,
        description: 'r, largest relative change of a unit; 0 is no noise',
      },
    },
  },
  create: ({ rate }) => ({
    perturb({ phase, model, batch, steps, rng }) {
      if (phase === 'evaluate' || rate === 0) return [];
      return model.layers.map(({ hiddenSize }, layer): Perturbation => {
        const uniform = rng.stream(`layer-${layer}`).uniform([steps, batch, hiddenSize]); // [T, B, H] in (0, 1)
        return { site: 'hidden', layer, kind: 'scale', value: tf.add(tf.mul(uniform, 2 * rate), 1 - rate) };
      });
    },
  }),
});
