import { definePlugin, type PenaltyContext } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

export interface ActivationPenaltyOptions {
  readonly activation: number;
  readonly temporal: number;
  readonly norm: number;
  readonly layers: 'last' | 'all';
}

type Layer = PenaltyContext['activations'][number];

/**
 * Penalties on the hidden states, added to the training loss; ⟨·⟩ is the mean over steps, examples and units.
 *
 *     activation   α ⟨(m ⊙ h_t)²⟩                    AR: large activations; m is the dropout mask of the output
 *     temporal     β ⟨(h_{t+1} - h_t)²⟩              TAR: fast change; before the dropout of the output
 *     norm         γ ⟨(‖h_{t+1}‖₂ - ‖h_t‖₂)²⟩        norm stabilizer; the mean is over steps and examples
 *
 * AR reads h after the site `output` (as the output layer reads it, [T, B, H]), the others before it. `layers: "last"`
 * penalises the layer next to the output, as the AWD-LSTM does; "all" sums over the layers. Differences run within the
 * minibatch: the carried state before its first step takes no part, and a minibatch of one step has none. Padding counts.
 * Perturbs nothing; evaluation is unaffected.
 *
 * Departures: Merity et al. write L2 norms; their code, which gave the published numbers (α = 2, β = 1), takes means of
 * squares, and so do we. Their loss is a mean per prediction: with `training.lossReduction` "sum" multiply α and β by T.
 * Krueger and Memisevic divide by T instead of T-1. The norm is √(Σ h² + 1e-12), to have a gradient at h = 0.
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
        [activation, ({ output }: Layer) => tf.mean(tf.square(output))],
        [temporal, ({ hidden }: Layer) => meanSquaredChange(hidden)],
        [norm, ({ hidden }: Layer) => meanSquaredChange(norms(hidden))],
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

/** ⟨(x_{t+1} - x_t)²⟩ of `[T, ...]`, 0 where T = 1. */
function meanSquaredChange(x: tf.Tensor): tf.Tensor {
  const changes = x.shape[0]! - 1;
  if (changes === 0) return tf.scalar(0);
  const rest = x.shape.slice(1);
  const zeros = rest.map(() => 0);
  const [later, earlier] = [1, 0].map((from) => tf.slice(x, [from, ...zeros], [changes, ...rest]));
  return tf.mean(tf.square(tf.sub(later!, earlier!)));
}

/** ‖h_t‖₂, `[T, B, H]` to `[T, B]`. */
function norms(hidden: tf.Tensor): tf.Tensor {
  return tf.sqrt(tf.add(tf.sum(tf.square(hidden), 2), 1e-12));
}
