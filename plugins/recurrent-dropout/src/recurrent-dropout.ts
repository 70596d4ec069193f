import { definePlugin } from '@rnnx/core';

export interface RecurrentDropoutOptions {
  readonly rate: number;
  readonly lifetime: 'step' | 'sequence';
}

/**
 * Recurrent dropout without memory loss: the candidate update is dropped, never what the memory holds.
 *
 *     LSTM   c_t = f_t ⊙ c_{t-1} + i_t ⊙ d(g_t)
 *     GRU    h_t = (1 - z_t) ⊙ d(n_t) + z_t ⊙ h_{t-1}
 *
 * with d(x) = m ⊙ x, m ~ Bernoulli(1-p) / (1-p). A dropped unit keeps its gated old value in this step. E m = 1, and
 * evaluation needs no rescaling.
 *
 * Masks by `lifetime`: `[T, B, H]`, anew each step, or `[1, B, H]`, one a minibatch; always one an example, unit and
 * layer. Site: `candidate` (scale). The cell `rnn` has no memory apart from its candidate: there this is ordinary dropout
 * of the hidden state, with the memory loss that the paper avoids.
 *
 * Departure: inverted scaling in training instead of (1-p) at test; equal in expectation. Errors: RNNX_CONFIG_INVALID for a
 * rate outside [0, 1); RNNX_SITE_UNSUPPORTED for a cell without the site `candidate`.
 *
 * Source: Semeniuta, Severyn, Barth 2016, section 3.
 */
export const recurrentDropout = definePlugin<'regularizer', RecurrentDropoutOptions>({
  kind: 'regularizer',
  name: 'recurrent-dropout',
  summary: 'Dropout on the candidate update of LSTM and GRU, without loss of memory',
  core: '^0.1.0',
  paper: {
    title: 'Recurrent Dropout without Memory Loss',
    authors: 'Semeniuta, Severyn, Barth',
    year: 2016,
    url: 'https://arxiv.org/abs/1603.05118',
    equations: 'section 3',
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['rate'],
    properties: {
      rate: {
        type: 'number',
        minimum: 0,
        exclusiveMaximum: 1,
        description: 'p, probability of dropping a unit of the candidate update',
      },
      lifetime: {
        enum: ['step', 'sequence'],
        default: 'step',
        description: 'a mask for every time step, or one for all steps of a minibatch',
      },
    },
  },
  create: ({ rate, lifetime }) => ({
    perturb({ phase, model, batch, steps, rng }) {
      if (phase === 'evaluate' || rate === 0) return [];
      const length = lifetime === 'step' ? steps : 1;
      return model.layers.map(({ hiddenSize }, layer) => {
        const value = rng.stream(`layer-${layer}`).dropoutMask([length, batch, hiddenSize], 1 - rate); // [T|1, B, H]
        return { site: 'candidate', layer, kind: 'scale', value };
      });
    },
  }),
});
