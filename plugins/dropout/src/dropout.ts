import { definePlugin, type Perturbation } from '@rnnx/core';

export interface DropoutOptions {
  readonly input: number;
  readonly recurrent: number;
  readonly output: number;
  readonly placement: 'vertical' | 'recurrent';
}

/**
 * Dropout with masks drawn anew for every time step and example, m ~ Bernoulli(1-p)/(1-p), so that E m = 1 and evaluation
 * needs no rescaling. Three rates, read in one of two ways:
 *
 * `placement: "vertical"` (Zaremba et al. 2014: non-recurrent connections only): `input` on the input of the first layer,
 * `recurrent` between recurrent layers, `output` between the last layer and the output layer.
 *
 * `placement: "recurrent"`: `input` on the input of every layer, `recurrent` on h_{t-1} as it enters the recurrent
 * product (the carried state stays whole), `output` on what leaves the last layer.
 *
 * The dropout-LSTM of the NOISIN paper gives 0.5, 0.4, 0.5 for "input, recurrent, output" without saying where; docs/noisin.md
 * has the reasons for "vertical". Masks: `[T, B, size]`.
 *
 * Source: Srivastava et al. 2014; Zaremba, Sutskever, Vinyals 2014, section 3.2.
 */
export const dropout = definePlugin<'regularizer', DropoutOptions>({
  kind: 'regularizer',
  name: 'dropout',
  summary: 'Dropout on input, recurrent and output connections, a mask for every step and example',
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
    properties: {
      input: rate('probability of dropping an input unit'),
      recurrent: rate('probability of dropping a unit between layers (vertical) or of h_{t-1} (recurrent)'),
      output: rate('probability of dropping a unit on the way to the output layer'),
      placement: {
        enum: ['vertical', 'recurrent'],
        default: 'vertical',
        description: 'where the rate "recurrent" acts: between layers, or on the recurrent product',
      },
    },
  },
  create: ({ input, recurrent, output, placement }) => ({
    perturb({ phase, model, batch, steps, rng }) {
      if (phase === 'evaluate') return [];
      const last = model.layers.length - 1;
      return model.layers.flatMap(({ inputSize, hiddenSize }, layer): Perturbation[] => {
        const at = (site: 'input' | 'recurrent' | 'output', size: number, p: number): Perturbation[] =>
          p === 0
            ? []
            : [
                {
                  site,
                  layer,
                  kind: 'scale',
                  value: rng.stream(`${site}-${layer}`).dropoutMask([steps, batch, size], 1 - p),
                },
              ];
        const between = placement === 'vertical' && layer > 0;
        return [
          ...at('input', inputSize, between ? recurrent : input),
          ...at('recurrent', hiddenSize, placement === 'recurrent' ? recurrent : 0),
          ...at('output', hiddenSize, layer === last ? output : 0),
        ];
      });
    },
  }),
});

function rate(description: string) {
  return { type: 'number', minimum: 0, exclusiveMaximum: 1, default: 0, description };
}
