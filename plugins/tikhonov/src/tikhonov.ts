import { definePlugin, type ModelShape, RnnxError, type Weights } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

export type PenalisedMatrix = 'embedding' | 'input' | 'recurrent' | 'output';

export interface TikhonovOptions {
  readonly lambda: number;
  readonly q: 1 | 2;
  readonly matrices: readonly PenalisedMatrix[];
}

/**
 * Norm penalty on weight matrices, added to the training loss:
 *
 *     L' = L + λ Σ_W Σ_ij |W_ij|^q,   q = 1 (lasso) or 2 (ridge: Tikhonov),   W ∈ {W_in, W_rec, W_out}
 *
 * Gradient: 2 λ W for q = 2; λ sign(W) for q = 1, with sign(0) = 0, so that weights at exactly zero stay there. No factor
 * ½, no division by the number of weights, no biases, one λ for all matrices. λ weighs against the loss as it is trained
 * (`training.lossReduction`); evaluation is unaffected.
 *
 * `matrices` picks among W_in and W_rec of every layer, W_out, and the embedding of token models (not in the paper, whose
 * inputs are frames). With tied weights W_out is the embedding; it counts once even if both are named.
 *
 * Perturbs nothing. Errors: RNNX_CONFIG_INVALID for a negative λ or another q; RNNX_OPTION_CONFLICT for `embedding` in a
 * model of frames.
 *
 * Source: "Regularizing Recurrent Networks", RNN-NBR; Tikhonov 1963.
 */
export const tikhonov = definePlugin<'regularizer', TikhonovOptions>({
  kind: 'regularizer',
  name: 'tikhonov',
  summary: 'L1 or L2 penalty on chosen weight matrices',
  core: '^0.1.0',
  paper: {
    title: 'Regularizing Recurrent Networks - On Injected Noise and Norm-based Methods',
    authors: 'Ognawala, Bayer',
    year: 2014,
    url: 'https://arxiv.org/abs/1410.5684',
    equations: 'norm penalty (RNN-NBR)',
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['lambda'],
    properties: {
      lambda: { type: 'number', minimum: 0, description: 'λ, weight of the penalty; the paper searches 1e-4 to 1e-2' },
      q: { enum: [1, 2], default: 2, description: 'power: 1 for the sum of |w|, 2 for the sum of w²' },
      matrices: {
        type: 'array',
        items: { enum: ['embedding', 'input', 'recurrent', 'output'] },
        minItems: 1,
        uniqueItems: true,
        default: ['input', 'recurrent', 'output'],
        description: 'which matrices are penalised, of every layer; with tied weights output is the embedding',
      },
    },
  },
  create({ lambda, q, matrices }) {
    if (lambda === 0) return { perturb: () => [] };
    // w sign(w) is |w| with the gradient sign(w); that of tf.abs is -1 at zero.
    const power = (w: tf.Tensor) => tf.sum(q === 2 ? tf.square(w) : tf.mul(w, tf.sign(w)));
    return {
      perturb: () => [],
      penalty({ model, weights }) {
        const chosen = names(model, weights, matrices).map((name) => power(weights[name]!));
        return tf.mul(tf.addN(chosen), lambda);
      },
    };
  },
});

/** Full names of the chosen parameters, each once. */
function names(model: ModelShape, weights: Weights, matrices: readonly PenalisedMatrix[]): string[] {
  const wanted = new Set<string>();
  for (const matrix of matrices) {
    if (matrix === 'output') wanted.add('output/weight' in weights ? 'output/weight' : 'embedding');
    else if (matrix === 'embedding') wanted.add(embedding(weights));
    else
      for (const [layer, { inputWeight, recurrentWeights }] of model.layers.entries())
        for (const { name } of matrix === 'input' ? [inputWeight] : recurrentWeights)
          wanted.add(`layer-${layer}/${name}`);
  }
  return [...wanted];
}

function embedding(weights: Weights): string {
  if ('embedding' in weights) return 'embedding';
  throw new RnnxError('RNNX_OPTION_CONFLICT', 'The model has no embedding to penalise: its inputs are frames', {
    got: '"embedding" among the matrices',
    expected: 'input, recurrent, output',
    remedy: 'leave "embedding" out of "matrices"',
  });
}
