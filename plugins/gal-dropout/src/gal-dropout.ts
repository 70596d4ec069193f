import { definePlugin, type Perturbation, type Regularizer, type Rng, type Weights } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

export interface GalDropoutOptions {
  readonly input: number;
  readonly recurrent: number;
  readonly output: number;
  readonly embedding: number;
  readonly gates: 'tied' | 'untied';
  readonly samples: number;
  readonly weightDecay: number;
  readonly decayBiases: boolean;
}

/**
 * Variational dropout: one mask an example, the same at every time step, on the inputs and on the recurrent state.
 *
 *     gate_k = (x_t ⊙ z_x) W_k + (h_{t-1} ⊙ z_h) U_k + b_k,   z ~ Bernoulli(1-p) / (1-p)   tied: one z for all gates
 *     gate_k = (x_t ⊙ z_x^k) W_k + (h_{t-1} ⊙ z_h^k) U_k + b_k                             untied: a z for each gate
 *
 * which sets rows of the weight matrices to zero for the whole sequence. z_h masks h_{t-1} as it enters the product; the
 * carried state stays whole. `output` masks what the output layer reads. `embedding` drops word types: a row of the
 * embedding, hence every occurrence of the word.
 *
 * Masks: `input` and `recurrent` `[1, B, N]` or `[1, B, G, N]`, `output` `[1, B, H]`, `embedding` `[B, V]`. A sequence is the
 * T steps of one minibatch. Sites of the same names (scale).
 *
 * Evaluation: by the expectation (`samples: 0`), or by S passes with masks whose predictive probabilities are averaged.
 * Weight decay: λ Σ ‖W‖² over all matrices, the embedding included, added to the training loss, from the KL term of the
 * variational bound. `decayBiases` adds the biases, which the authors' code decays too.
 *
 * Errors: RNNX_CONFIG_INVALID for a rate outside [0, 1); RNNX_SITE_UNSUPPORTED for a rate
 * `embedding` above 0 in a model of frames.
 *
 * Source: Gal and Ghahramani 2016, sections 4 and 4.2.
 */
export const galDropout = definePlugin<'regularizer', GalDropoutOptions>({
  kind: 'regularizer',
  name: 'gal-dropout',
  summary: 'Variational dropout: masks fixed over time on inputs, recurrent state, outputs and word types',
  core: '^0.1.0',
  paper: {
    title: 'A Theoretically Grounded Application of Dropout in Recurrent Neural Networks',
    authors: 'Gal, Ghahramani',
    year: 2016,
    url: 'https://arxiv.org/abs/1512.05287',
    equations: 'sections 4 and 4.2',
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['input', 'recurrent'],
    properties: {
      input: rate('probability of dropping an input unit of a layer'),
      recurrent: rate('probability of dropping a unit of h_{t-1} on its way into the recurrent product'),
      output: { ...rate('probability of dropping a unit on its way to the output layer'), default: 0 },
      embedding: { ...rate('probability of dropping a word type; 0 for models of frames'), default: 0 },
      gates: {
        enum: ['tied', 'untied'],
        default: 'tied',
        description: 'one mask for all gates, or another for each (dearer: the products split by gate)',
      },
      samples: {
        type: 'integer',
        minimum: 0,
        default: 0,
        description: 'S, passes of a Monte Carlo evaluation, probabilities averaged; 0 evaluates without masks',
      },
      weightDecay: { type: 'number', minimum: 0, default: 0, description: 'λ of the penalty λ Σ w² on all matrices' },
      decayBiases: { type: 'boolean', default: false, description: 'whether weightDecay covers the biases too' },
    },
  },
  create: (options) => createGalDropout(options),
});

function createGalDropout(options: GalDropoutOptions): Regularizer {
  const { gates, samples, weightDecay, decayBiases } = options;
  const scale = (p: number, rng: Rng, shape: readonly number[], place: object): Perturbation[] => {
    return p === 0 ? [] : [{ ...place, kind: 'scale', value: rng.dropoutMask(shape, 1 - p) } as Perturbation];
  };
  return {
    monteCarlo: { train: 1, evaluate: samples, average: 'probabilities' },
    perturb({ phase, model, batch, rng }) {
      if (phase === 'evaluate') return [];
      const last = model.layers.length - 1;
      const top = [1, batch, model.layers[last]!.hiddenSize];
      return [
        // Without a vocabulary the size does not matter: the site is refused.
        ...scale(options.embedding, rng.stream('embedding'), [batch, model.vocabularySize ?? 1], { site: 'embedding' }),
        ...model.layers.flatMap(({ inputSize, hiddenSize, gates: count }, layer) => {
          const at = (site: 'input' | 'recurrent', size: number) => {
            const shape = gates === 'tied' || count === 1 ? [1, batch, size] : [1, batch, count, size];
            return scale(options[site], rng.stream(`${site}-${layer}`), shape, { site, layer });
          };
          return [...at('input', inputSize), ...at('recurrent', hiddenSize)];
        }),
        ...scale(options.output, rng.stream('output'), top, { site: 'output', layer: last }),
      ];
    },
    ...(weightDecay > 0 && { penalty: ({ weights }) => tf.mul(squares(weights, decayBiases), weightDecay) }),
  };
}

/** Σ w² over the model's matrices; parameters of other regularizers are left out. */
function squares(weights: Weights, biases: boolean): tf.Scalar {
  const own = Object.entries(weights).filter(([name]) => /^(embedding$|output\/|layer-\d+\/)/.test(name));
  const decayed = own.filter(([, { rank }]) => biases || rank === 2);
  return tf.addN(decayed.map(([, weight]) => tf.sum(tf.square(weight)))) as tf.Scalar;
}

function rate(description: string) {
  return { type: 'number', minimum: 0, exclusiveMaximum: 1, description };
}
