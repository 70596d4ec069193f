import { definePlugin, type NoiseDistribution, type Rng } from '@rnnx/core';
import { gammaVariates } from './gamma-variates.js';
import { noisinPaper, refuseBoth, sampleByElement, tiedSpread } from './support.js';

export interface BetaOptions {
  readonly alpha: number | null;
  readonly beta: number;
  readonly meanOne: boolean;
}

/**
 * Beta noise: ε = γ (B - m) / s, B ~ Beta(a, b), m = a/(a+b), s² = ab / ((a+b)² (a+b+1)), drawn as A/(A+A') from two
 * gamma variates. Bounded by -γm/s and γ(1-m)/s. The paper does not give a and b; here 2 and 2, a bounded, symmetric
 * hump.
 *
 * With `meanOne`, a solves γ² = b / (a (a+b+1)), so that 1+ε = B/m: a factor of mean one in 0 .. 1/m, whose variance
 * grows without bound as a falls to 0.
 *
 * Errors: RNNX_OPTION_CONFLICT for `alpha` beside `meanOne`; RNNX_SPREAD_INVALID where a follows a spread outside
 * 0.001 .. 1000.
 */
export const beta = definePlugin({
  kind: 'noise',
  name: 'beta',
  summary: 'Beta noise, bounded on both sides',
  core: '^0.1.0',
  paper: noisinPaper,
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      alpha: {
        description: 'the first shape a of the beta variable, from 0.001 to 1000000, or null for 2',
        type: ['number', 'null'],
        minimum: 1e-3,
        maximum: 1e6,
        default: null,
      },
      beta: {
        description: 'the second shape b of the beta variable, from 0.001 to 1000000',
        type: 'number',
        minimum: 1e-3,
        maximum: 1e6,
        default: 2,
      },
      meanOne: {
        description: 'true to take the first shape from the spread, so that 1+ε is a scaled beta variable of mean one',
        type: 'boolean',
        default: false,
      },
    },
  },
  create: ({ alpha, beta: b, meanOne }: BetaOptions): NoiseDistribution => {
    refuseBoth('beta', 'alpha', alpha, meanOne);
    const shapeAt = (spread: number): number => {
      if (!meanOne) return alpha ?? 2;
      const ratio = (4 * b) / tiedSpread('beta', spread) ** 2;
      // The positive root of a² + (b+1) a = b/γ², in the form that does not cancel.
      return ratio / 2 / (b + 1 + Math.sqrt((b + 1) ** 2 + ratio));
    };
    const at = (spread: number) => {
      const a = shapeAt(spread);
      const sum = a + b;
      return { a, sum, mean: a / sum, deviation: Math.sqrt((a * b) / (sum + 1)) / sum };
    };
    return {
      spreadDependent: meanOne,
      sample: (shape, rng, spread) => {
        const { a, mean, deviation } = at(spread);
        if (a === 2 && b === 2) {
          const median = medianOfThree(rng);
          return sampleByElement(shape, (i) => (median(i) - mean) / deviation);
        }
        const first = gammaVariates(a, rng.stream('a'));
        const second = gammaVariates(b, rng.stream('b'));
        // A/(A+A') by logarithms: at small shapes both variates may underflow.
        return sampleByElement(shape, (i) => {
          const value = 1 / (1 + Math.exp(second.logDraw(i) - first.logDraw(i)));
          return (value - mean) / deviation;
        });
      },
      moments: (spread) => {
        const { a, sum } = at(spread);
        return {
          skewness: (2 * (b - a) * Math.sqrt(sum + 1)) / ((sum + 2) * Math.sqrt(a * b)),
          excessKurtosis: (6 * ((a - b) ** 2 * (sum + 1) - a * b * (sum + 2))) / (a * b * (sum + 2) * (sum + 3)),
        };
      },
      support: (spread) => {
        const { mean, deviation } = at(spread);
        return [-mean / deviation, (1 - mean) / deviation];
      },
    };
  },
});

/** The median of three uniform numbers is Beta(2, 2), much cheaper than two gamma variates. */
function medianOfThree(rng: Rng): (element: number) => number {
  const words = new Uint32Array(4);
  return (element) => {
    rng.words(element, 0, words);
    const [x, y, z] = [words[0]!, words[1]!, words[2]!];
    return (Math.max(Math.min(x, y), Math.min(Math.max(x, y), z)) + 0.5) * 2 ** -32;
  };
}
