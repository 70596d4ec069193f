import { definePlugin, type NoiseDistribution } from '@rnnx/core';
import { gammaVariates } from './gamma-variates.js';
import { noisinPaper, sampleByElement } from './support.js';

export interface ChiSquareOptions {
  readonly degrees: number;
}

/**
 * Chi-square noise: ε = γ (X - k) / √(2k), X ~ χ²_k drawn as 2 Gamma(k/2), bounded below by -γ√(k/2). Skewness √(8/k),
 * excess kurtosis 12/k. The paper does not give k; here 1, the strongest skew, since k = 4 would be the same noise as
 * the gamma distribution of shape 2.
 */
export const chiSquare = definePlugin({
  kind: 'noise',
  name: 'chi-square',
  summary: 'Chi-square noise, bounded below, strongly skewed to the right',
  core: '^0.1.0',
  paper: noisinPaper,
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      degrees: {
        description: 'the degrees of freedom k, a whole number from 1 to 1000000',
        type: 'integer',
        minimum: 1,
        maximum: 1e6,
        default: 1,
      },
    },
  },
  create: ({ degrees }: ChiSquareOptions): NoiseDistribution => {
    const half = degrees / 2;
    const inverse = 1 / Math.sqrt(half);
    return {
      spreadDependent: false,
      sample: (shape, rng) => {
        const { draw } = gammaVariates(half, rng);
        // (2G - k) / √(2k) = (G - k/2) / √(k/2)
        return sampleByElement(shape, (i) => (draw(i) - half) * inverse);
      },
      moments: () => ({ skewness: Math.sqrt(8 / degrees), excessKurtosis: 12 / degrees }),
      support: () => [-Math.sqrt(half), Number.POSITIVE_INFINITY],
    };
  },
});
