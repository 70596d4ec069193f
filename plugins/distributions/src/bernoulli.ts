import { definePlugin, type NoiseDistribution } from '@rnnx/core';
import { noisinPaper, sampleByQuantile, tiedSpread } from './support.js';

export interface BernoulliOptions {
  readonly keep: number | null;
}

/**
 * Two-point noise, e = (b - p) / √(p(1-p)) with b ~ Bernoulli(p).
 *
 * By default p = 1/(1+γ²), which makes ε = b/p - 1: multiplying by 1+ε is inverted dropout that keeps with probability p.
 * The keep probability p in the paper's tables is the spread γ = √((1-p)/p) here. A fixed `keep` leaves p
 * alone while γ varies, and 1+ε then is no dropout mask.
 *
 * Errors: RNNX_SPREAD_INVALID where p follows a spread outside 0.001 .. 1000.
 */
export const bernoulli = definePlugin({
  kind: 'noise',
  name: 'bernoulli',
  summary: 'Two-point noise; with the default keep probability it is inverted dropout',
  core: '^0.1.0',
  paper: noisinPaper,
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      keep: {
        description: 'the probability of the upper value, above 0 and below 1, or null for 1/(1+spread²)',
        type: ['number', 'null'],
        exclusiveMinimum: 0,
        exclusiveMaximum: 1,
        default: null,
      },
    },
  },
  create: ({ keep }: BernoulliOptions): NoiseDistribution => {
    // From the odds of dropping, since 1 - 1/(1+γ²) cancels at a small spread.
    const at = (spread: number) => {
      const odds = keep === null ? tiedSpread('bernoulli', spread) ** 2 : (1 - keep) / keep;
      return { p: 1 / (1 + odds), low: -1 / Math.sqrt(odds), high: Math.sqrt(odds) };
    };
    return {
      spreadDependent: keep === null,
      sample: (shape, rng, spread) => {
        const { p, low, high } = at(spread);
        return sampleByQuantile(shape, rng, (u) => (u < p ? high : low));
      },
      // With values -1/r and r, r² the odds: E e³ = r - 1/r and E e⁴ = (E e³)² + 1.
      moments: (spread) => {
        const { low, high } = at(spread);
        const skewness = low + high;
        return { skewness, excessKurtosis: skewness ** 2 - 2 };
      },
      support: (spread) => {
        const { low, high } = at(spread);
        return [low, high];
      },
    };
  },
});
