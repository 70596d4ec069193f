import { definePlugin, type LayerActivations } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

export interface ActivationPenaltyOptions {
  readonly activation: number;
  readonly temporal: number;
  readonly norm: number;
  readonly layers: 'last' | 'all';
}

/**
 * Penalties on the hidden states, added to the training loss; ⟨·⟩ is the mean over units, examples and the steps that count.
 *
 *     activation   α ⟨(m ⊙ h_t)²⟩                    AR: large activations; m is the dropout mask of the output
 *     temporal     β ⟨(h_{t+1} - h_t)²⟩              TAR: fast change; before the dropout of the output
 *     norm         γ ⟨(‖h_t‖₂ - ‖h_{t-1}‖₂)²⟩        norm stabilizer; the mean is over steps and examples
 *
 * AR reads h after the site `output` (as the output layer reads it, [T, B, H]), the others before it. `layers: "last"`
 * penalises the layer next to the output, as the AWD-LSTM does; "all" sums over the layers. TAR takes differences within the
 * minibatch, as its authors' code does: of two steps that count, none where there is but one. The norm stabilizer's sum
 * begins at t = 1: h_0 is the state that the minibatch begins with, carried or initial. Padding counts in none of them.
 * Perturbs nothing; evaluation is unaffected.
 *
 * Departures: Merity et al. write L2 norms; their code, which gave the published numbers (α = 2, β = 1), takes means of
 * squares, and so do we. Their loss is a mean per prediction: with `training.lossReduction` "sum" multiply α and β by T.
 * The norm is √(Σ h² + 1e-12), to have a gradient at h = 0.
 *
 * Errors: RNNX_CONFIG_INVALID for a negative weight.
 *
 * Source: Merity, McCann, Socher 2017, equations 1-2; Krueger and Memisevic 2016, equation 1.
 */
export const activationPenalty = definePlugin<'regularizer', ActivationPenaltyOptions>({
  kind: 'regularizer',
  name: 'activation-penalty',
  summary: 'Penalties on large, fast changing or unstable hidden states (AR, TAR, norm stabilizer)',
  core: '^0.1.0',
  paper: {
    title: 'Revisiting Activation Regularization for Language RNNs',
    authors: 'Merity, McCann, Socher',
    year: 2017,
    url: 'https://arxiv.org/abs/1708.01009',
    equations: 'AR, TAR; norm stabilizer: Krueger and Memisevic 2016 (https://arxiv.org/abs/1511.08400), (1)',
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      activation: weight('α of AR, on the squared activations; AWD-LSTM takes 2'),
      temporal: weight('β of TAR, on the squared change from step to step; AWD-LSTM takes 1'),
      norm: weight('weight of the norm stabilizer, on the squared change of the norm from step to step'),
      layers: {
        enum: ['last', 'all'],
        default: 'last',
        description: 'penalise the layer next to the output only, or the sum over all layers',
      },
    },
  },
  create({ activation, temporal, norm, layers }) {
    const terms = (
      [
        [activation, ({ output, mask }: LayerActivations) => mean(tf.square(output), mask)],
        [temporal, meanChange],
        [norm, meanChangeOfNorm],
      ] as const
    ).filter(([factor]) => factor > 0);
    if (terms.length === 0) return { perturb: () => [] };
    return {
      perturb: () => [],
      penalty({ activations }) {
        const penalised = layers === 'all' ? activations : activations.slice(-1);
        return tf.addN(penalised.flatMap((layer) => terms.map(([factor, term]) => tf.mul(term(layer), factor))));
      },
    };
  },
});

function weight(description: string) {
  return { type: 'number', minimum: 0, default: 0, description };
}

/** Of `[T, B, ...]` over what counts, 0 where nothing does. */
function mean(x: tf.Tensor, mask: tf.Tensor | undefined): tf.Tensor {
  if (mask === undefined) return tf.mean(x);
  const each = x.rank === 2 ? x : tf.mean(x, 2); // [T, B]
  return tf.div(tf.sum(tf.mul(each, mask)), tf.maximum(tf.sum(mask), 1));
}

/** ⟨(h_{t+1} - h_t)²⟩ */
function meanChange({ hidden, mask }: LayerActivations): tf.Tensor {
  if (hidden.shape[0] === 1) return tf.scalar(0);
  const both = mask && tf.mul(later(mask), earlier(mask));
  return mean(tf.square(tf.sub(later(hidden), earlier(hidden))), both);
}

/** ⟨(‖h_t‖ - ‖h_{t-1}‖)²⟩ */
function meanChangeOfNorm({ hidden, before, mask }: LayerActivations): tf.Tensor {
  const all = norms(tf.concat([tf.expandDims(before, 0), hidden], 0));
  return mean(tf.square(tf.sub(later(all), earlier(all))), mask);
}

/** All steps but the first, and all but the last. */
const later = (x: tf.Tensor) => tf.slice(x, [1], [x.shape[0]! - 1]);
const earlier = (x: tf.Tensor) => tf.slice(x, [0], [x.shape[0]! - 1]);

/** ‖h_t‖₂, `[T, B, H]` to `[T, B]`. */
function norms(hidden: tf.Tensor): tf.Tensor {
  return tf.sqrt(tf.add(tf.sum(tf.square(hidden), 2), 1e-12));
}
