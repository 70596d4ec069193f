import { definePlugin, type LayerShape, type ModelShape, type ParameterSpec, type Perturbation } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

export interface LayerNormOptions {
  readonly readout: boolean;
  readonly over: 'product' | 'gate';
  readonly gain: number;
  readonly bias: boolean;
  readonly epsilon: number;
}

/**
 * Layer normalisation: the units of one example and step are brought to mean 0 and variance 1.
 *
 *     LN(a; γ, β) = (a - μ) / √(σ² + ε) ⊙ γ + β,   μ = (1/D) Σ a_i,   σ² = (1/D) Σ (a_i - μ)²
 *
 *     gates = LN(W_h h_{t-1}; γ_1, β_1) + LN(W_x x_t; γ_2, β_2) + b
 *     h_t   = σ(o_t) ⊙ tanh(LN(c_t; γ_3, β_3))        LSTM only; the carried c_t stays as it is
 *
 * The two products are normalised apart, each over all its gates, D = G·H (`over: "product"`, as in the paper), or each
 * gate by itself, D = H. A GRU whose reset gate acts before the product has two recurrent products, normalised apart. The
 * same computation in training and evaluation: no statistics are kept, and examples do not influence each other.
 *
 * Parameters by layer l: `gain-input-l`, `gain-recurrent-l` `[G·H]` and, where the cell has that site, `gain-readout-l`
 * `[H]`; the same with `bias-`. Gains start at `gain`, biases at 0. Sites: `preactivation.input`, `preactivation.recurrent`,
 * `readout` (map).
 *
 * Departure: ε, which the paper does not have, keeps units finite that are all equal. Errors: RNNX_CONFIG_INVALID.
 *
 * Source: Ba, Kiros, Hinton 2016, equations 3-4 and the LSTM of the supplement, 20-22.
 */
export const layerNorm = definePlugin<'regularizer', LayerNormOptions>({
  kind: 'regularizer',
  name: 'layer-norm',
  summary: 'Layer normalization of the recurrent product, the input product and the cell readout',
  core: '^0.1.0',
  paper: {
    title: 'Layer Normalization',
    authors: 'Ba, Kiros, Hinton',
    year: 2016,
    url: 'https://arxiv.org/abs/1607.06450',
    equations: '(3), (4), (20)-(22)',
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      readout: {
        type: 'boolean',
        default: true,
        description: 'normalise the copy of c_t that the output gate reads, where the cell has one (LSTM)',
      },
      over: {
        enum: ['product', 'gate'],
        default: 'product',
        description: 'mean and variance over all gates of a product together, or over each gate by itself',
      },
      gain: { type: 'number', default: 1, description: 'start of the learned gains' },
      bias: { type: 'boolean', default: true, description: 'learn a bias after each normalisation too' },
      epsilon: { type: 'number', exclusiveMinimum: 0, default: 1e-5, description: 'added to the variance' },
    },
  },
  create({ readout, over, gain, bias, epsilon }) {
    const quantities = ({ gates, hiddenSize }: LayerShape, { sites }: ModelShape) => [
      { site: 'preactivation.input', name: 'input', width: gates * hiddenSize } as const,
      { site: 'preactivation.recurrent', name: 'recurrent', width: gates * hiddenSize } as const,
      ...(readout && sites.includes('readout')
        ? [{ site: 'readout', name: 'readout', width: hiddenSize } as const]
        : []),
    ];
    return {
      parameters: (model) =>
        model.layers.flatMap((shape, layer) =>
          quantities(shape, model).flatMap(({ name, width }): ParameterSpec[] => [
            { name: `gain-${name}-${layer}`, shape: [width], init: { name: 'constant', value: gain } },
            ...(bias ? [{ name: `bias-${name}-${layer}`, shape: [width], init: { name: 'zeros' } } as const] : []),
          ]),
        ),
      perturb: ({ model, parameters }) =>
        model.layers.flatMap((shape, layer) =>
          quantities(shape, model).map(
            ({ site, name }): Perturbation => ({
              site,
              layer,
              kind: 'map',
              map(x, { columns }) {
                const own = (parameter: string) => {
                  const all = parameters[`${parameter}-${name}-${layer}`]!;
                  return columns === undefined ? all : tf.slice(all, columns[0], columns[1] - columns[0]);
                };
                const groups = over === 'gate' ? x.shape.at(-1)! / shape.hiddenSize : 1;
                const scaled = tf.mul(standardise(x, groups, epsilon), own('gain'));
                return bias ? tf.add(scaled, own('bias')) : scaled;
              },
            }),
          ),
        ),
    };
  },
});

/** (x - μ) / √(σ² + ε) over the last dimension, or over each of its `groups` equal parts. */
function standardise(x: tf.Tensor, groups: number, epsilon: number): tf.Tensor {
  const grouped = groups === 1 ? x : tf.reshape(x, [...x.shape.slice(0, -1), groups, -1]);
  const centred = tf.sub(grouped, tf.mean(grouped, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  const standard = tf.mul(centred, tf.rsqrt(tf.add(variance, epsilon)));
  return groups === 1 ? standard : tf.reshape(standard, x.shape);
}
