import { definePlugin, type NoiseDistribution } from '@rnnx/core';
import { noisinPaper, noOptions, sampleByQuantile } from './support.js';

const eulerGamma = 0.5772156649015329;
const zeta3 = 1.2020569031595942;

/** A Gumbel variable of scale β has mean γ_E β and variance π² β² / 6. */
const scale = Math.sqrt(6) / Math.PI;

/**
 * Gumbel noise (largest of many): ε = γ (√6/π) (-ln(-ln u) - γ_E), u ~ U(0, 1), γ_E Euler's constant. Skewness
 * 12 √6 ζ(3) / π³ = 1.14, excess kurtosis 12/5.
 */
export const gumbel = definePlugin({
  kind: 'noise',
  name: 'gumbel',
  summary: 'Gumbel noise, unbounded, skewed to the right',
  core: '^0.1.0',
  paper: noisinPaper,
  schema: noOptions,
  create: (): NoiseDistribution => ({
    spreadDependent: false,
    sample: (shape, rng) => sampleByQuantile(shape, rng, (u) => scale * (-Math.log(-Math.log(u)) - eulerGamma)),
    moments: () => ({ skewness: (12 * Math.sqrt(6) * zeta3) / Math.PI ** 3, excessKurtosis: 12 / 5 }),
    support: () => [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  }),
});
