import { definePlugin, type NoiseDistribution } from '@rnnx/core';
import { gammaVariates } from './gamma-variates.js';
import { noisinPaper, refuseBoth, sampleByElement, tiedSpread } from './support.js';

export interface GammaOptions {
  readonly shape: number | null;
  readonly meanOne: boolean;
}

/**
 * Gamma noise: ε = γ (G - k) / √k, G ~ Gamma(shape k, scale 1), bounded below by -γ√k. Skewness 2/√k, excess
 * kurtosis 6/k. The paper does not give k; here 2.
 *
 * With `meanOne`, k = 1/γ², so that 1+ε ~ Gamma(1/γ², scale γ²): a factor of mean one that is never negative.
 *
 * Errors: RNNX_OPTION_CONFLICT for `shape` beside `meanOne`; RNNX_SPREAD_INVALID where k follows a spread outside
 * 0.001 .. 1000.
 */
export const gamma = definePlugin({
  kind: 'noise',
  name: 'gamma',
  summary: 'Gamma noise, bounded below, skewed to the right',
  core: '^0.1.0',
  paper: noisinPaper,
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      shape: {
        description: 'the shape k of the gamma variable, from 0.001 to 1000000, or null for 2',
        type: ['number', 'null'],
        minimum: 1e-3,
        maximum: 1e6,
        default: null,
      },
      meanOne: {
        description: 'true to take the shape 1/spread², so that 1+ε is a gamma variable of mean one',
        type: 'boolean',
        default: false,
      },
    },
  },
  create: ({ shape: fixed, meanOne }: GammaOptions): NoiseDistribution => {
    refuseBoth('gamma', 'shape', fixed, meanOne);
    const shapeAt = (spread: number) => (meanOne ? tiedSpread('gamma', spread) ** -2 : (fixed ?? 2));
    return {
      spreadDependent: meanOne,
      sample: (shape, rng, spread) => {
        const k = shapeAt(spread);
        const { draw } = gammaVariates(k, rng);
        const inverse = 1 / Math.sqrt(k);
        return sampleByElement(shape, (i) => (draw(i) - k) * inverse);
      },
      moments: (spread) => {
        const k = shapeAt(spread);
        return { skewness: 2 / Math.sqrt(k), excessKurtosis: 6 / k };
      },
      support: (spread) => [-Math.sqrt(shapeAt(spread)), Number.POSITIVE_INFINITY],
    };
  },
});
