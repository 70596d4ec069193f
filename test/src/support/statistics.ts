import { gammaCdf, invert, normalCdf } from './special-functions.js';

/**
 * Statistics and tests for random draws. Every test says its false-alarm rate: the chance that right code would fail under
 * a fresh seed. Seeds are fixed in tests, so an outcome never changes by itself.
 */

/** Default false-alarm rate. */
export const falseAlarm = 1e-6;

type Sample = ArrayLike<number>;

export function mean(values: Sample): number {
  return averageOf(values, (value) => value);
}

export function averageOf(values: Sample, term: (value: number) => number): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += term(values[i]!);
  return sum / values.length;
}

/** Mean of (value - centre)^order. */
export function moment(values: Sample, order: number, centre = mean(values)): number {
  return averageOf(values, (value) => (value - centre) ** order);
}

/** Without Bessel's correction. */
export function variance(values: Sample): number {
  return moment(values, 2);
}

export function skewness(values: Sample): number {
  return moment(values, 3) / variance(values) ** 1.5;
}

export function excessKurtosis(values: Sample): number {
  return moment(values, 4) / variance(values) ** 2 - 3;
}

export function correlation(left: Sample, right: Sample): number {
  const [m, n] = [mean(left), mean(right)];
  let sum = 0;
  for (let i = 0; i < left.length; i++) sum += (left[i]! - m) * (right[i]! - n);
  return sum / left.length / Math.sqrt(variance(left) * variance(right));
}

/** A statistic, what it may be at most, and whether it is. */
export interface TestResult {
  readonly statistic: number;
  readonly limit: number;
  readonly passes: boolean;
}

function result(statistic: number, limit: number): TestResult {
  return { statistic, limit, passes: statistic <= limit };
}

/** |estimate - expected| in standard errors against the two-sided limit of a normal variable (4.9 at 1e-6). */
export function zTest(estimate: number, expected: number, standardError: number, rate = falseAlarm): TestResult {
  return result(Math.abs(estimate - expected) / standardError, normalLimit(rate));
}

/** The mean of independent values of known variance. */
export function meanTest(values: Sample, expected: number, knownVariance: number, rate = falseAlarm): TestResult {
  return zTest(mean(values), expected, Math.sqrt(knownVariance / values.length), rate);
}

/** Independence of two samples by their correlation, whose standard error is 1/√n. */
export function correlationTest(left: Sample, right: Sample, rate = falseAlarm): TestResult {
  return zTest(correlation(left, right), 0, 1 / Math.sqrt(left.length), rate);
}

/**
 * Kolmogorov and Smirnov's largest distance between sample and distribution function. Limit by the inequality of Dvoretzky,
 * Kiefer and Wolfowitz with Massart's constant, which holds at every n.
 *
 * @param values float32; each stands for any number that rounds to it, so that rounding at a steep edge is no deviation
 */
export function kolmogorovSmirnovTest(values: Float32Array, cdf: (x: number) => number, rate = falseAlarm): TestResult {
  const sorted = values.slice().sort();
  const n = sorted.length;
  let distance = 0;
  for (let i = 0; i < n; i++) {
    const half = Math.abs(sorted[i]!) * 2 ** -24;
    distance = Math.max(distance, (i + 1) / n - cdf(sorted[i]! + half), cdf(sorted[i]! - half) - i / n);
  }
  return result(distance, Math.sqrt(Math.log(2 / rate) / (2 * n)));
}

/** Pearson's chi-square test of counts, one degree of freedom less than cells; cells should expect 5 or more. */
export function chiSquareTest(observed: Sample, expected: Sample, rate = falseAlarm): TestResult {
  let statistic = 0;
  for (let i = 0; i < observed.length; i++) statistic += (observed[i]! - expected[i]!) ** 2 / expected[i]!;
  const half = (observed.length - 1) / 2;
  return result(statistic, 2 * invert((x) => gammaCdf(half, x), 1 - rate, 0, half + 200 + 50 * Math.sqrt(half)));
}

/** The z that |N(0, 1)| passes with probability `rate`. */
function normalLimit(rate: number): number {
  return invert(normalCdf, 1 - rate / 2, 0, 12);
}
