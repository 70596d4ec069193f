import { definePlugin, type LayerShape, type ParameterSpec, type Perturbation, RnnxError, type Site } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

export interface LayerNormOptions {
  readonly readout: boolean;
  readonly over: 'product' | 'gate';
  readonly gain: number;
  readonly bias: boolean;
  readonly epsilon: number;
}

/** A normalised quantity: its site, and the prefix, size and gates of its parameters. */
interface Normalised {
  readonly site: Site;
  readonly name: string;
  readonly width: number;
  readonly gates: number;
}

/**
 * Layer normalisation: the units of one example and step are brought to mean 0 and variance 1.
 *
 *     LN(a; γ, β) = (a - μ) / √(σ² + ε) ⊙ γ + β,   μ = (1/D) Σ a_i,   σ² = (1/D) Σ (a_i - μ)²
 *
 *     gates = LN(W_h h_{t-1}; γ_1, β_1) + LN(W_x x_t; γ_2, β_2) + b
 *     h_t   = σ(o_t) ⊙ tanh(LN(c_t; γ_3, β_3))        LSTM, `readout: true`; the carried c_t stays as it is
 *
 * The two products are normalised apart, each over all its gates, D = G·H (`over: "product"`, as in the paper), or each
 * gate by itself, D = H. A GRU whose reset gate acts before the product has two recurrent products, each normalised. The
 * same computation in training and evaluation: no statistics are kept, examples do not influence each other.
 *
 * Parameters for each layer: `<weight>-gain-<layer>` and `<weight>-bias-<layer>`, `[G·H]`, for the input weight and each
 * recurrent one; `readout-gain-<layer>` and `-bias-`, `[H]`. Gains start at `gain`, biases at 0. Sites:
 * `preactivation.input`, `preactivation.recurrent` and `readout` (map).
 *
 * Departures: ε, which the paper does not have, keeps units that are all equal finite. `readout` is off by default, because
 * only LSTM has it; the paper's LSTM has it on. Errors: RNNX_CONFIG_INVALID; RNNX_SITE_UNSUPPORTED for `readout` with
 * another cell; RNNX_OPTION_CONFLICT for a cell with two recurrent products of one width, which a map cannot tell apart.
 *
 * Source: Ba, Kiros, Hinton 2016, equations 3-4 and supplement (LSTM: 20-22).
 */
export const layerNorm = definePlugin<'regularizer', LayerNormOptions>({
  kind: 'regularizer',
  name: 'layer-norm',
  summary: 'Layer normalisation of the recurrent product, the input product and the cell readout',
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
        default: false,
        description:
          'normalise the copy of c_t that the output gate reads: the LSTM of the paper; other cells have none',
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
  create(options) {
    const { readout, over, gain, bias, epsilon } = options;
    return {
      parameters: ({ layers }) =>
        layers.flatMap((shape, layer) =>
          normalised(shape, readout).flatMap(({ name, width }): ParameterSpec[] => [
            { name: `${name}-gain-${layer}`, shape: [width], init: { name: 'constant', value: gain } },
            ...(bias ? [{ name: `${name}-bias-${layer}`, shape: [width], init: { name: 'zeros' } } as const] : []),
          ]),
        ),
      perturb: ({ model, parameters }) =>
        model.layers.flatMap((shape, layer): Perturbation[] => {
          const all = normalised(shape, readout);
          return [...new Set(all.map(({ site }) => site))].map((site) => ({
            site,
            layer,
            kind: 'map',
            map(x) {
              const here = all.find((one) => one.site === site && one.width === x.shape.at(-1))!;
              const standard = standardise(x, over === 'gate' ? here.gates : 1, epsilon);
              const scaled = tf.mul(standard, parameters[`${here.name}-gain-${layer}`]!);
              return bias ? tf.add(scaled, parameters[`${here.name}-bias-${layer}`]!) : scaled;
            },
          }));
        }),
    };
  },
});

function normalised({ inputWeight, recurrentWeights, gates, hiddenSize }: LayerShape, readout: boolean): Normalised[] {
  const recurrent = recurrentWeights.map(({ name, shape }) => {
    const width = shape[1]!;
    return { site: 'preactivation.recurrent', name, width, gates: width / hiddenSize } as const;
  });
  if (new Set(recurrent.map(({ width }) => width)).size < recurrent.length)
    throw new RnnxError('RNNX_OPTION_CONFLICT', 'Layer normalisation cannot tell the recurrent products apart', {
      got: recurrent.map(({ name, width }) => `${name}: ${width} columns`).join(', '),
      expected: 'a cell whose recurrent weights differ in width',
      remedy: 'take another cell, or put the recurrent weights of this one side by side in one matrix',
    });
  return [
    { site: 'preactivation.input', name: inputWeight.name, width: inputWeight.shape[1]!, gates },
    ...recurrent,
    ...(readout ? [{ site: 'readout', name: 'readout', width: hiddenSize, gates: 1 } as const] : []),
  ];
}

/** (x - μ) / √(σ² + ε) over the last dimension, or over each of its `groups` equal parts. */
function standardise(x: tf.Tensor, groups: number, epsilon: number): tf.Tensor {
  const grouped = groups === 1 ? x : tf.reshape(x, [...x.shape.slice(0, -1), groups, -1]);
  const centred = tf.sub(grouped, tf.mean(grouped, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  const standard = tf.mul(centred, tf.rsqrt(tf.add(variance, epsilon)));
  return groups === 1 ? standard : tf.reshape(standard, x.shape);
}
