import { definePlugin, type NoiseDistribution } from '@rnnx/core';
import { noisinPaper, noOptions, sampleByQuantile } from './support.js';

/** A logistic variable of scale s has variance s² π² / 3. */
const scale = Math.sqrt(3) / Math.PI;

/** Logistic noise: ε = γ (√3/π) ln(u / (1 - u)), u ~ U(0, 1). Tails fall as exp(-|x|π/√3). */
export const logistic = definePlugin({
  kind: 'noise',
  name: 'logistic',
  summary: 'Logistic noise, unbounded and symmetric, tails heavier than normal',
  core: '^0.1.0',
  paper: noisinPaper,
  schema: noOptions,
  create: (): NoiseDistribution => ({
    spreadDependent: false,
    sample: (shape, rng) => sampleByQuantile(shape, rng, (u) => scale * Math.log(u / (1 - u))),
    moments: () => ({ skewness: 0, excessKurtosis: 6 / 5 }),
    support: () => [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  }),
});
