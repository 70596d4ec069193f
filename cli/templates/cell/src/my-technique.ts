import { definePlugin } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

export interface Options {
  readonly gateBias: number;
}

/**
 * Minimal gated unit: one gate that both forgets the old state and decides what the candidate sees of it.
 *
 *     f_t = σ(x_t W_f + h_{t-1} U_f + b_f)
 *     g_t = tanh(x_t W_g + (f_t ⊙ h_{t-1}) U_g + b_g)
 *     h_t = (1 - f_t) ⊙ h_{t-1} + f_t ⊙ g_t
 *
 * The products with W of all steps are made before the loop and arrive as `x`. The site `recurrent` perturbs what enters
 * the products with U; the h_{t-1} of the last line is carried on clean. `candidate` is g_t.
 *
 * Parameters: `input` `[I, 2H]`, gates side by side in the order f, g; `recurrent-gate` and `recurrent-candidate`
 * `[H, H]`; `bias` `[2H]`. State: `h`, `[B, H]`.
 *
 * Errors: RNNX_CONFIG_INVALID for a bias that is no finite number.
 *
 * Source: Zhou et al. 2016, section 3.
 */
export default definePlugin<'cell', Options>({
  kind: 'cell',
  name: 'my-technique',
  summary: 'Minimal gated unit: a recurrent cell with a single gate',
  core: '^0.1.0',
  paper: {
    title: 'Minimal Gated Unit for Recurrent Neural Networks',
    authors: 'Zhou, Wu, Zhang, Zhou',
    year: 2016,
    url: 'https://arxiv.org/abs/1603.09420',
    equations: 'section 3',
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      gateBias: {
        type: 'number',
        default: 0,
        description: "start of the gate's bias; below 0 the state is kept for longer at first",
      },
    },
  },
  create: ({ gateBias }) => ({
    sites: ['candidate'],
    stateNames: ['h'],

    build: (inputSize, hiddenSize) => ({
      parameters: [
        { name: 'input', shape: [inputSize, 2 * hiddenSize], blocks: 2 },
        { name: 'recurrent-gate', shape: [hiddenSize, hiddenSize] },
        { name: 'recurrent-candidate', shape: [hiddenSize, hiddenSize] },
        {
          name: 'bias',
          shape: [2 * hiddenSize],
          blocks: 2,
          init: { name: 'zeros' },
          blockInit: { 0: { name: 'constant', value: gateBias } },
        },
      ],
      inputWeight: 'input',
      inputBias: 'bias',
      recurrentWeights: ['recurrent-gate', 'recurrent-candidate'],
      gates: ['f', 'g'],
    }),

    step(x, { h }, _weights, sites) {
      const [xf, xg] = tf.split(x, 2, 1) as [tf.Tensor2D, tf.Tensor2D]; // [B, H] each
      const f = tf.sigmoid(tf.add(xf, sites.recurrent(h, 'recurrent-gate')));
      const seen = tf.mul(f, h) as tf.Tensor2D;
      const g = sites.candidate(tf.tanh(tf.add(xg, sites.recurrent(seen, 'recurrent-candidate'))));
      return { h: tf.add(h, tf.mul(f, tf.sub(g, h))) as tf.Tensor2D };
    },
  }),
});
