import { type Cell, definePlugin } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { type InitOptions, initOptions, parameter } from './options.js';

export interface GruOptions extends InitOptions {
  readonly reset: 'after' | 'before';
}

/**
 * Gated recurrent unit. Gates side by side in the order r, z, n (reset, update, candidate).
 *
 * `reset: "after"` (cuDNN, PyTorch):
 *
 *     r = σ(x_t W_r + h_{t-1} U_r + b_r),  z = σ(x_t W_z + h_{t-1} U_z + b_z)
 *     n = tanh(x_t W_n + b_n + r ⊙ (h_{t-1} U_n + b'_n))
 *     h_t = (1 - z) ⊙ n + z ⊙ h_{t-1}
 *
 * `reset: "before"` (Cho et al. 2014, equations 5-8): n = tanh(x_t W_n + b_n + (r ⊙ h_{t-1}) U_n).
 *
 * The site `recurrent` perturbs the operands of the products with U; the carried h_{t-1} of the last line stays clean.
 * `candidate` is n.
 *
 * Parameters: `input` `[I, 3H]`, `bias` `[3H]`; after: `recurrent` `[H, 3H]`, `recurrent-bias` `[H]`; before:
 * `recurrent-gates` `[H, 2H]`, `recurrent-candidate` `[H, H]`. State: `h`, `[B, H]`.
 *
 * Source: Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder".
 */
export const gru = definePlugin<'cell', GruOptions>({
  kind: 'cell',
  name: 'gru',
  summary: 'Gated recurrent unit, with the reset gate after or before the recurrent product',
  core: '^0.1.0',
  paper: {
    title: 'Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation',
    authors: 'Cho et al.',
    year: 2014,
    url: 'https://arxiv.org/abs/1406.1078',
    equations: '(5)-(8)',
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      ...initOptions,
      reset: {
        enum: ['after', 'before'],
        default: 'after',
        description: 'whether the reset gate acts after the recurrent product (cuDNN) or before it (the paper)',
      },
    },
  },
  create: (options) => (options.reset === 'after' ? resetAfter(options) : resetBefore(options)),
});

function resetAfter({ inputInit, recurrentInit, biasInit }: GruOptions): Cell {
  return {
    sites: ['candidate'],
    stateNames: ['h'],
    fused: { kind: 'gru-after', recurrent: 'recurrent', recurrentBias: 'recurrent-bias' },
    build: (inputSize, hiddenSize) => ({
      parameters: [
        parameter('input', [inputSize, 3 * hiddenSize], 3, inputInit),
        parameter('recurrent', [hiddenSize, 3 * hiddenSize], 3, recurrentInit),
        parameter('bias', [3 * hiddenSize], 3, biasInit),
        parameter('recurrent-bias', [hiddenSize], 1, biasInit),
      ],
      inputWeight: 'input',
      inputBias: 'bias',
      recurrentWeights: ['recurrent'],
      gates: ['r', 'z', 'n'],
    }),
    step(x, { h }, weights, sites) {
      const [xr, xz, xn] = tf.split(x, 3, 1) as tf.Tensor2D[];
      const [hr, hz, hn] = tf.split(sites.recurrent(h, 'recurrent'), 3, 1) as tf.Tensor2D[];
      const r = tf.sigmoid(tf.add(xr!, hr!));
      const z = tf.sigmoid(tf.add(xz!, hz!));
      const n = tf.tanh(tf.add(xn!, tf.mul(r, tf.add(hn!, weights['recurrent-bias']!)))) as tf.Tensor2D;
      return { h: interpolate(z, sites.candidate(n), h) };
    },
  };
}

function resetBefore({ inputInit, recurrentInit, biasInit }: GruOptions): Cell {
  return {
    sites: ['candidate'],
    stateNames: ['h'],
    fused: { kind: 'gru-before', recurrentGates: 'recurrent-gates', recurrentCandidate: 'recurrent-candidate' },
    build: (inputSize, hiddenSize) => ({
      parameters: [
        parameter('input', [inputSize, 3 * hiddenSize], 3, inputInit),
        parameter('recurrent-gates', [hiddenSize, 2 * hiddenSize], 2, recurrentInit),
        parameter('recurrent-candidate', [hiddenSize, hiddenSize], 1, recurrentInit),
        parameter('bias', [3 * hiddenSize], 3, biasInit),
      ],
      inputWeight: 'input',
      inputBias: 'bias',
      recurrentWeights: ['recurrent-gates', 'recurrent-candidate'],
      gates: ['r', 'z', 'n'],
    }),
    step(x, { h }, _weights, sites) {
      const [xr, xz, xn] = tf.split(x, 3, 1) as tf.Tensor2D[];
      const [hr, hz] = tf.split(sites.recurrent(h, 'recurrent-gates'), 2, 1) as tf.Tensor2D[];
      const r = tf.sigmoid(tf.add(xr!, hr!));
      const z = tf.sigmoid(tf.add(xz!, hz!));
      const reset = tf.mul(r, h) as tf.Tensor2D;
      const n = tf.tanh(tf.add(xn!, sites.recurrent(reset, 'recurrent-candidate'))) as tf.Tensor2D;
      return { h: interpolate(z, sites.candidate(n), h) };
    },
  };
}

/** (1 - z) ⊙ n + z ⊙ h with one product. */
function interpolate(z: tf.Tensor, n: tf.Tensor2D, h: tf.Tensor2D): tf.Tensor2D {
  return tf.add(n, tf.mul(z, tf.sub(h, n)));
}
