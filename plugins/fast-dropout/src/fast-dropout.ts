import { type CellState, definePlugin, type InitializerSpec, initializerOrNull, type Moments } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { type Activation, closedForm, gaussHermite, quadrature } from './moments.js';

export interface FastDropoutOptions {
  readonly activation: Activation;
  readonly input: number;
  readonly recurrent: number;
  readonly output: number;
  readonly moments: 'closed-form' | 'quadrature';
  readonly nodes: number;
  readonly inputInit: InitializerSpec | null;
  readonly recurrentInit: InitializerSpec | null;
  readonly biasInit: InitializerSpec | null;
}

/**
 * Simple recurrent network under fast dropout: instead of masks, the mean and variance that masks would give.
 *
 * With q = 1 - p the keep probability of a unit of mean μ and variance s², independent masks give the preactivation
 *
 *     E[a] = q Σ_i w_i μ_i + b,   V[a] = Σ_i w_i² (q s_i² + q (1-q) μ_i²)
 *
 * for the units of x_t (s² = 0 for data) and of h_{t-1} together, each with its own rate. a is taken as Gaussian and h_t gets
 * the mean and variance of φ(a): in closed form, or by Gauss-Hermite quadrature, which gives the plain network at p = 0. The
 * output layer receives both moments. Deterministic, the same in training and evaluation; the first state has variance 0.
 *
 * Parameters: `input` `[I, H]`, `recurrent` `[H, H]`, `bias` `[H]`. State: `h` (mean), `variance`, `[B, H]` each. For
 * Bernoulli and Gaussian tasks. The sites act on means.
 *
 * Source: Wang and Manning 2013; Bayer et al. 2013, "On Fast Dropout and its Applicability to Recurrent Networks".
 */
export const fastDropout = definePlugin<'cell', FastDropoutOptions>({
  kind: 'cell',
  name: 'fast-dropout',
  summary: 'Simple recurrent network that propagates the moments of dropout instead of samples',
  core: '^0.1.0',
  paper: {
    title: 'On Fast Dropout and its Applicability to Recurrent Networks',
    authors: 'Bayer, Osendorfer, Korhammer, Chen, Urban, van der Smagt',
    year: 2013,
    url: 'https://arxiv.org/abs/1311.0701',
    equations: 'section 3; Wang and Manning 2013, equations 8-10',
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      activation: { enum: ['tanh', 'sigmoid', 'relu'], default: 'tanh', description: 'the nonlinearity φ' },
      input: rate('probability of dropping an input unit'),
      recurrent: rate('probability of dropping a unit of h_{t-1}'),
      output: rate('probability of dropping a unit on the way to the output layer'),
      moments: {
        enum: ['closed-form', 'quadrature'],
        default: 'closed-form',
        description: 'how the moments of φ(a) are found',
      },
      nodes: { type: 'integer', minimum: 2, maximum: 64, default: 16, description: 'nodes of the quadrature' },
      inputInit: initializerOrNull("start of the input weights; null for the model's init"),
      recurrentInit: initializerOrNull("start of the recurrent weights; null for the model's init"),
      biasInit: initializerOrNull("start of the bias; null for the model's init"),
    },
  },
  create: ({ activation, input, recurrent, output, moments, nodes, inputInit, recurrentInit, biasInit }) => {
    const rule = gaussHermite(nodes);
    const pushed = (mean: tf.Tensor, variance: tf.Tensor) =>
      moments === 'quadrature' ? quadrature(activation, mean, variance, rule) : closedForm(activation, mean, variance);
    const starting = (init: InitializerSpec | null) => (init === null ? {} : { init });
    return {
      sites: ['candidate'],
      stateNames: ['h', 'variance'],
      moments: {
        varianceState: 'variance',
        input: (mean, variance) => dropped(1 - input, mean, variance),
        output: (mean, variance) => dropped(1 - output, mean, variance),
        fused: { activation, recurrent: 'recurrent', keep: 1 - recurrent, rule: moments === 'quadrature' ? rule : [] },
      },
      build: (inputSize, hiddenSize) => ({
        parameters: [
          { name: 'input', shape: [inputSize, hiddenSize], ...starting(inputInit) },
          { name: 'recurrent', shape: [hiddenSize, hiddenSize], ...starting(recurrentInit) },
          { name: 'bias', shape: [hiddenSize], ...starting(biasInit) },
        ],
        inputWeight: 'input',
        inputBias: 'bias',
        recurrentWeights: ['recurrent'],
        gates: ['h'],
      }),
      step(x, state, weights, sites) {
        const operand = dropped(1 - recurrent, state.h, state.variance);
        const mean = tf.add(x, sites.recurrent(operand.mean as tf.Tensor2D, 'recurrent'));
        const spread = tf.matMul(operand.variance as tf.Tensor2D, tf.square(weights.recurrent!));
        const next = pushed(mean, tf.add(sites.inputVariance!, spread));
        return { h: sites.candidate(next.mean as tf.Tensor2D), variance: next.variance } as CellState;
      },
    };
  },
});

/** Moments of m ⊙ x with m ~ Bernoulli(q), per unit: q μ, and q s² + q (1-q) μ². */
function dropped(q: number, mean: tf.Tensor, variance: tf.Tensor | undefined): Moments {
  const fromMask = tf.mul(tf.square(mean), q * (1 - q));
  return { mean: tf.mul(mean, q), variance: variance === undefined ? fromMask : tf.add(tf.mul(variance, q), fromMask) };
}

function rate(description: string) {
  return { type: 'number', minimum: 0, exclusiveMaximum: 1, default: 0, description };
}
