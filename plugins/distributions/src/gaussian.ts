import { definePlugin, type NoiseDistribution } from '@rnnx/core';
import { noisinPaper, noOptions } from './support.js';

/**
 * Standard normal noise: ε = γ n, n ~ N(0, 1), by Box and Muller. The paper's reference case: its γ is the standard
 * deviation.
 */
export const gaussian = definePlugin({
  kind: 'noise',
  name: 'gaussian',
  summary: 'Normal noise, unbounded and symmetric',
  core: '^0.1.0',
  paper: noisinPaper,
  schema: noOptions,
  create: (): NoiseDistribution => ({
    spreadDependent: false,
    sample: (shape, rng) => rng.normal(shape),
    moments: () => ({ skewness: 0, excessKurtosis: 0 }),
    support: () => [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  }),
});
