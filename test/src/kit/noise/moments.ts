import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { type Estimate, falseAlarmRate, normalLimit } from '../statistics.js';
import { show } from '../subject.js';
import { type NoiseSubject, sampleSize } from './subject.js';

/**
 * Mean and variance are tested at a false-alarm rate of 1e-6 a set of options, with the variance of e² taken from the claimed
 * kurtosis. Third and fourth moments converge slowly under heavy tails: they are given ten of the sample's own standard errors.
 */
export const moments = invariant<NoiseSubject>(
  'moments',
  'has mean 0, variance 1, and the skewness and kurtosis that it states',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const noise = subject.create(at.options);
      const spreads = subject.spreads(at);
      const limit = normalLimit(falseAlarmRate / (2 * spreads.length));
      for (const spread of spreads) {
        const what = `${show(at.options)} at spread ${spread}`;
        const values = await subject.large(at, spread);
        const { skewness, excessKurtosis } = noise.moments(spread);
        if (!(Number.isFinite(skewness) && excessKurtosis >= skewness ** 2 - 2 - 1e-9))
          fail(`${what} states skewness ${skewness} and excess kurtosis ${excessKurtosis}, which no distribution has`);
        const require = (name: string, { mean, error }: Estimate, expected: number, most: number) => {
          if (!(Math.abs(mean - expected) <= most * error))
            fail(
              `${what}: ${name} is ${mean.toPrecision(5)} ± ${error.toPrecision(2)}, and not ${expected.toPrecision(5)}`,
            );
        };
        const power = (order: number) => powers(values, order);
        const root = Math.sqrt(sampleSize);
        require('the mean', { mean: power(1).mean, error: 1 / root }, 0, limit);
        // A two-point variable's square may not vary at all; rounding remains.
        const spreadOfSquare = Math.max(Math.sqrt(excessKurtosis + 2), 1e-3);
        require('the variance', { mean: power(2).mean, error: spreadOfSquare / root }, 1, limit);
        require('the skewness', floored(power(3)), skewness, 10);
        require('the kurtosis', floored(power(4)), excessKurtosis + 3, 10);
      }
    }
  },
);

function powers(values: Float32Array, order: number): Estimate {
  let [sum, square] = [0, 0];
  for (const value of values) {
    const term = value ** order;
    sum += term;
    square += term * term;
  }
  const mean = sum / values.length;
  return { mean, error: Math.sqrt(Math.max(0, square / values.length - mean * mean) / values.length) };
}

function floored({ mean, error }: Estimate): Estimate {
  return { mean, error: Math.max(error, 1e-5 * Math.max(1, Math.abs(mean))) };
}
