import { definePlugin, type Perturbation } from '@rnnx/core';

export interface ZarembaDropoutOptions {
  readonly rate: number;
}

/**
 * Dropout on the non-recurrent connections only: with D the dropout operator and L layers,
 *
 *     layer l reads D(h_t^{l-1}) and h_{t-1}^l,   h_t^0 = x_t,   the output layer reads D(h_t^L)
 *
 * so that what passes through L layers is corrupted L + 1 times, however long the sequence, and the memory never.
 *
 *     D(x) = m ⊙ x,   m ~ Bernoulli(1-p) / (1-p)
 *
 * E m = 1, and evaluation needs no rescaling. Masks `[T, B, N]`: anew for every step, example, unit and connection.
 * Sites: `input` of every layer (scale) and `output` of the last.
 *
 * Departure: the paper leaves open how D is scaled; this is inverted dropout. For separate rates of input, layers and
 * output see the plugin `dropout`. Errors: RNNX_CONFIG_INVALID for a rate outside [0, 1).
 *
 * Source: Zaremba, Sutskever, Vinyals 2014, section 3.2.
 */
export const zarembaDropout = definePlugin<'regularizer', ZarembaDropoutOptions>({
  kind: 'regularizer',
  name: 'zaremba-dropout',
  summary: 'Dropout on non-recurrent connections only, a mask for every step and example',
  core: '^0.1.0',
  paper: {
    title: 'Recurrent Neural Network Regularization',
    authors: 'Zaremba, Sutskever, Vinyals',
    year: 2014,
    url: 'https://arxiv.org/abs/1409.2329',
    equations: 'section 3.2',
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
        description: 'p, probability of dropping a unit on its way up; the paper takes 0.5 (medium) and 0.65 (large)',
      },
    },
  },
  create: ({ rate }) => ({
    perturb({ phase, model, batch, steps, rng }) {
      if (phase === 'evaluate' || rate === 0) return [];
      const at = (site: 'input' | 'output', layer: number, size: number): Perturbation => {
        const value = rng.stream(`${site}-${layer}`).dropoutMask([steps, batch, size], 1 - rate); // [T, B, N]
        return { site, layer, kind: 'scale', value };
      };
      const last = model.layers.length - 1;
      return [
        ...model.layers.map(({ inputSize }, layer) => at('input', layer, inputSize)),
        at('output', last, model.layers[last]!.hiddenSize),
      ];
    },
  }),
});
