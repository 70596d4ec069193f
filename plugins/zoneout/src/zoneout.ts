import { definePlugin, type Perturbation } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

export interface ZoneoutOptions {
  readonly hidden: number;
  readonly cell: number;
}

/**
 * Zoneout: each unit keeps its previous value with probability z instead of taking the new one.
 *
 *     c_t = d^c_t ⊙ c_{t-1} + (1 - d^c_t) ⊙ (f_t ⊙ c_{t-1} + i_t ⊙ g_t)                   d^c ~ Bernoulli(z_c)
 *     h_t = d^h_t ⊙ h_{t-1} + (1 - d^h_t) ⊙ (o_t ⊙ tanh(f_t ⊙ c_{t-1} + i_t ⊙ g_t))       d^h ~ Bernoulli(z_h)
 *
 * The hidden state reads the cell before its zoneout, as in the paper. The zoned h_t goes on to the next step and up to the
 * next layer. GRU and `rnn` have the second equation only, with their own new state on the right.
 *
 * Evaluation takes the expectation, z prev + (1 - z) next, with no other rescaling: dropout's 1/(1-z) has no place here.
 *
 * Masks `[T, B, H]`, cell and hidden apart: anew for every step, example, unit and layer. Sites: `hidden` and `cell`, kind
 * `retain`; the value at evaluation is the rate itself.
 *
 * Errors: RNNX_CONFIG_INVALID for a rate outside [0, 1); RNNX_SITE_UNSUPPORTED for a rate `cell` above 0 with a cell that
 * carries no c, such as `gru`.
 *
 * Source: Krueger et al. 2016, section 3.
 */
export const zoneout = definePlugin<'regularizer', ZoneoutOptions>({
  kind: 'regularizer',
  name: 'zoneout',
  summary: 'Units of hidden and cell state randomly keep their previous value',
  core: '^0.1.0',
  paper: {
    title: 'Zoneout: Regularizing RNNs by Randomly Preserving Hidden Activations',
    authors: 'Krueger, Maharaj, Kramár, Pezeshki, Ballas, Ke, Goyal, Bengio, Courville, Pal',
    year: 2016,
    url: 'https://arxiv.org/abs/1606.01305',
    equations: 'section 3',
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['hidden'],
    properties: {
      hidden: {
        type: 'number',
        minimum: 0,
        exclusiveMaximum: 1,
        description: 'z_h, probability that a unit of h keeps its previous value; small, such as 0.05',
      },
      cell: {
        type: 'number',
        minimum: 0,
        exclusiveMaximum: 1,
        default: 0,
        description: 'z_c, the same for the cell state c of an LSTM, such as 0.5; must be 0 for cells without one',
      },
    },
  },
  create: ({ hidden, cell }) => ({
    perturb({ phase, model, batch, steps, rng }) {
      return model.layers.flatMap(({ hiddenSize }, layer): Perturbation[] => {
        const at = (site: 'hidden' | 'cell', rate: number): Perturbation[] => {
          if (rate === 0) return [];
          const kept = () => rng.stream(`${site}-${layer}`).bernoulli([steps, batch, hiddenSize], rate); // [T, B, H]
          return [{ site, layer, kind: 'retain', value: phase === 'evaluate' ? tf.scalar(rate) : kept() }];
        };
        return [...at('cell', cell), ...at('hidden', hidden)];
      });
    },
  }),
});
