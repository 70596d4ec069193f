import { type AnyPlugin, definePlugin, type NoiseDistribution } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

const noOptions = { type: 'object', additionalProperties: false, properties: {} } as const;

/**
 * The cell in which regularizers are tried where a contract names no other: an LSTM with every optional site, gates in the
 * order i, f, g, o, which backends may run as one kernel.
 */
export const kitCell = definePlugin<'cell', Record<never, never>>({
  kind: 'cell',
  name: 'kit-lstm',
  summary: 'The LSTM of the contract kit',
  core: '^0.1.0',
  paper: null,
  schema: noOptions,
  create: () => ({
    sites: ['candidate', 'readout', 'cell'],
    stateNames: ['h', 'c'],
    fused: { kind: 'lstm', recurrent: 'recurrent' },
    build: (inputSize, hiddenSize) => ({
      parameters: [
        { name: 'input', shape: [inputSize, 4 * hiddenSize], blocks: 4 },
        { name: 'recurrent', shape: [hiddenSize, 4 * hiddenSize], blocks: 4 },
        { name: 'bias', shape: [4 * hiddenSize], blocks: 4 },
      ],
      inputWeight: 'input',
      inputBias: 'bias',
      recurrentWeights: ['recurrent'],
      gates: ['i', 'f', 'g', 'o'],
    }),
    step(x, { h, c }, _weights, sites) {
      const [i, f, g, o] = tf.split(tf.add(x, sites.recurrent(h, 'recurrent')), 4, 1) as tf.Tensor2D[];
      const kept = tf.mul(tf.sigmoid(f!), c!);
      const next = tf.add(kept, tf.mul(tf.sigmoid(i!), sites.candidate(tf.tanh(g!)))) as tf.Tensor2D;
      return { h: tf.mul(tf.sigmoid(o!), tf.tanh(sites.readout(next))), c: next };
    },
  }),
});

/**
 * Noise that is always 0, for identities: a regularizer with it must leave the model alone. Not a distribution of variance 1,
 * and so not one to train with.
 */
export const zeroNoise = definePlugin<'noise', Record<never, never>>({
  kind: 'noise',
  name: 'kit-zero',
  summary: 'No noise at all, for the identities of the contract kit',
  core: '^0.1.0',
  paper: null,
  schema: noOptions,
  create: (): NoiseDistribution => ({
    spreadDependent: false,
    sample: (shape) => tf.zeros([...shape]),
    moments: () => ({ skewness: 0, excessKurtosis: 0 }),
    support: () => [0, 0],
  }),
});

export const referencePlugins: readonly AnyPlugin[] = [kitCell, zeroNoise];
