import { type Cell, definePlugin, type InitializerSpec, initializerOrNull } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { type InitOptions, initOptions, parameter } from './options.js';

export interface LstmOptions extends InitOptions {
  readonly forgetBias: number | null;
  readonly candidateInit: InitializerSpec | null;
}

/**
 * Long short-term memory with forget gates, without peepholes.
 *
 * Gates side by side in the order i, f, g, o (input, forget, candidate, output):
 *
 *     (i, f, g, o) = x_t W_x + h_{t-1} W_h + b
 *     c_t = σ(f) ⊙ c_{t-1} + σ(i) ⊙ tanh(g)
 *     h_t = σ(o) ⊙ tanh(c_t)
 *
 * Parameters: `input` `[I, 4H]`, `recurrent` `[H, 4H]`, `bias` `[4H]` (one bias; libraries with two have the same model).
 * State: `h`, `c`, `[B, H]` each. Sites: `candidate` is tanh(g), `readout` the copy of c_t in h_t, `cell` c_t as carried.
 *
 * Source: Hochreiter and Schmidhuber 1997; Gers, Schmidhuber and Cummins 2000 (forget gate); as in Zaremba et al. 2014,
 * equations 4-9.
 */
export const lstm = definePlugin<'cell', LstmOptions>({
  kind: 'cell',
  name: 'lstm',
  summary: 'Long short-term memory with forget gates',
  core: '^0.1.0',
  paper: {
    title: 'Learning to Forget: Continual Prediction with LSTM',
    authors: 'Gers, Schmidhuber, Cummins',
    year: 2000,
    url: 'https://doi.org/10.1162/089976600300015015',
    equations: 'section 3.1',
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      ...initOptions,
      forgetBias: {
        type: ['number', 'null'],
        default: null,
        description: "start of the forget gate's bias (Jozefowicz et al. 2015 advise 1); null for that of the others",
      },
      candidateInit: initializerOrNull(
        "start of the candidate's block of the recurrent weights; null for recurrentInit",
      ),
    },
  },
  create: (options) => createLstm(options),
});

function createLstm({ inputInit, recurrentInit, biasInit, forgetBias, candidateInit }: LstmOptions): Cell {
  const forgetStart: Record<number, InitializerSpec> =
    forgetBias === null ? {} : { 1: { name: 'constant', value: forgetBias } };
  const candidateStart: Record<number, InitializerSpec> = candidateInit === null ? {} : { 2: candidateInit };
  return {
    sites: ['candidate', 'readout', 'cell'],
    stateNames: ['h', 'c'],
    fused: { kind: 'lstm', recurrent: 'recurrent' },

    build: (inputSize, hiddenSize) => ({
      parameters: [
        parameter('input', [inputSize, 4 * hiddenSize], 4, inputInit),
        parameter('recurrent', [hiddenSize, 4 * hiddenSize], 4, recurrentInit, candidateStart),
        parameter('bias', [4 * hiddenSize], 4, biasInit, forgetStart),
      ],
      inputWeight: 'input',
      inputBias: 'bias',
      recurrentWeights: ['recurrent'],
      gates: ['i', 'f', 'g', 'o'],
    }),

    step(x, { h, c }, _weights, sites) {
      const gates = tf.add(x, sites.recurrent(h, 'recurrent')); // [B, 4H]
      const [i, f, g, o] = tf.split(gates, 4, 1) as tf.Tensor2D[];
      const candidate = sites.candidate(tf.tanh(g!)); // [B, H]
      const next = tf.add(tf.mul(tf.sigmoid(f!), c!), tf.mul(tf.sigmoid(i!), candidate)) as tf.Tensor2D;
      return { h: tf.mul(tf.sigmoid(o!), tf.tanh(sites.readout(next))), c: next };
    },
  };
}
