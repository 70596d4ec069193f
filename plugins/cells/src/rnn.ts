import { definePlugin } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { type InitOptions, initOptions, parameter } from './options.js';

export interface RnnOptions extends InitOptions {
  readonly activation: keyof typeof activations;
}

const activations = { tanh: tf.tanh, sigmoid: tf.sigmoid, relu: tf.relu };

/**
 * Simple recurrent network, h_t = φ(x_t W_x + h_{t-1} W_h + b) with φ = tanh, σ or max(0, ·).
 *
 * Parameters: `input` `[I, H]`, `recurrent` `[H, H]`, `bias` `[H]`. State: `h`, `[B, H]`. One gate, `h`; the site
 * `candidate` is φ(·), which for this cell is h_t before the site `hidden`.
 *
 * Source: Elman 1990; the ICLR 2018 submission on noise-based regularizers, section 2 (h_t = f(U x + W h)).
 */
export const rnn = definePlugin<'cell', RnnOptions>({
  kind: 'cell',
  name: 'rnn',
  summary: 'Simple recurrent network with tanh, sigmoid or relu',
  core: '^0.1.0',
  paper: { title: 'Finding Structure in Time', authors: 'Elman', year: 1990, equations: 'figure 2' },
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      ...initOptions,
      activation: { enum: Object.keys(activations), default: 'tanh', description: 'the nonlinearity φ' },
    },
  },
  create: ({ inputInit, recurrentInit, biasInit, activation }) => ({
    sites: ['candidate'],
    stateNames: ['h'],
    fused: { kind: 'rnn', activation, recurrent: 'recurrent' },
    build: (inputSize, hiddenSize) => ({
      parameters: [
        parameter('input', [inputSize, hiddenSize], 1, inputInit),
        parameter('recurrent', [hiddenSize, hiddenSize], 1, recurrentInit),
        parameter('bias', [hiddenSize], 1, biasInit),
      ],
      inputWeight: 'input',
      inputBias: 'bias',
      recurrentWeights: ['recurrent'],
      gates: ['h'],
    }),
    step: (x, { h }, _weights, sites) => ({
      h: sites.candidate(activations[activation](tf.add(x, sites.recurrent(h, 'recurrent'))) as tf.Tensor2D),
    }),
  }),
});
