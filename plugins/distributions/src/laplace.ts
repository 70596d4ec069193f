import { definePlugin, type NoiseDistribution } from '@rnnx/core';
import { noisinPaper, noOptions, sampleByQuantile } from './support.js';

/** Laplace noise: ε = -γ/√2 sign(v) ln(1 - 2|v|), v = u - 1/2, u ~ U(0, 1); a variable of scale b has variance 2b². */
export const laplace = definePlugin({
  kind: 'noise',
  name: 'laplace',
  summary: 'Laplace noise, unbounded and symmetric, peaked with exponential tails',
  core: '^0.1.0',
  paper: noisinPaper,
  schema: noOptions,
  create: (): NoiseDistribution => ({
    spreadDependent: false,
    // 1 - 2|u - 1/2| is 2 min(u, 1 - u), exact on either side.
    sample: (shape, rng) =>
      sampleByQuantile(shape, rng, (u) => (u < 0.5 ? Math.SQRT1_2 : -Math.SQRT1_2) * Math.log(2 * Math.min(u, 1 - u))),
    moments: () => ({ skewness: 0, excessKurtosis: 3 }),
    support: () => [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  }),
});
