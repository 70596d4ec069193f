import type { PluginRef } from '@rnnx/core';
import { betaCdf, gammaCdf, invert, normalCdf } from '../../support/special-functions.js';

/** What theory says of one standardised noise, written apart from the code under test. */
export interface Reference {
  readonly ref: Extract<PluginRef, object>;
  /** E e^r at index r, 0 .. 8. */
  moments(spread: number): number[];
  /** P(e ≤ x); absent for the two-point noise. */
  readonly cdf?: (x: number, spread: number) => number;
}

/** Riemann's ζ(r) at index r. */
const zeta = [
  Number.NaN,
  Number.NaN,
  Math.PI ** 2 / 6,
  1.2020569031595942,
  Math.PI ** 4 / 90,
  1.03692775514337,
  Math.PI ** 6 / 945,
  1.008349277381923,
  Math.PI ** 8 / 9450,
];

function factorial(n: number): number {
  return n <= 1 ? 1 : n * factorial(n - 1);
}

function choose(n: number, k: number): number {
  return factorial(n) / (factorial(k) * factorial(n - k));
}

/** Moments 0 .. 8 of a variable of mean 0 from its cumulants: m_n = Σ_k C(n-1, k-1) κ_k m_{n-k}. */
function fromCumulants(cumulant: (order: number) => number): number[] {
  const moments = [1, 0];
  for (let n = 2; n <= 8; n++) {
    let sum = 0;
    for (let k = 2; k <= n; k++) sum += choose(n - 1, k - 1) * cumulant(k) * moments[n - k]!;
    moments.push(sum);
  }
  return moments;
}

function even(order: number, value: number): number {
  return order % 2 === 0 ? value : 0;
}

/** A symmetric or skewed family whose shape does not follow the spread. */
function family(ref: Reference['ref'], cumulant: (order: number) => number, cdf: (x: number) => number): Reference {
  return { ref, moments: () => fromCumulants(cumulant), cdf };
}

/** κ_r of Gamma(k, 1) is (r-1)! k. */
function gammaFamily(ref: Reference['ref'], shapeAt: (spread: number) => number): Reference {
  return {
    ref,
    moments: (spread) => fromCumulants((r) => factorial(r - 1) * shapeAt(spread) ** (1 - r / 2)),
    cdf: (x, spread) => gammaCdf(shapeAt(spread), shapeAt(spread) + x * Math.sqrt(shapeAt(spread))),
  };
}

function betaFamily(ref: Reference['ref'], firstAt: (spread: number) => number, b: number): Reference {
  const about = (spread: number) => {
    const a = firstAt(spread);
    const deviation = Math.sqrt((a * b) / ((a + b) ** 2 * (a + b + 1)));
    return { a, mean: a / (a + b), deviation };
  };
  return {
    ref,
    moments: (spread) => {
      const { a, mean, deviation } = about(spread);
      // E B^r = Π (a+i)/(a+b+i)
      const raw = [1];
      for (let r = 0; r < 8; r++) raw.push((raw[r]! * (a + r)) / (a + b + r));
      return raw.map((_, r) => {
        let sum = 0;
        for (let k = 0; k <= r; k++) sum += choose(r, k) * raw[k]! * (-mean) ** (r - k);
        return sum / deviation ** r;
      });
    },
    cdf: (x, spread) => {
      const { a, mean, deviation } = about(spread);
      return betaCdf(a, b, mean + x * deviation);
    },
  };
}

function twoPoints(ref: Reference['ref'], keepAt: (spread: number) => number): Reference {
  return {
    ref,
    moments: (spread) => {
      const p = keepAt(spread);
      const deviation = Math.sqrt(p * (1 - p));
      const power = (r: number) => p * ((1 - p) / deviation) ** r + (1 - p) * (-p / deviation) ** r;
      return Array.from({ length: 9 }, (_, r) => power(r));
    },
  };
}

const logisticScale = Math.sqrt(3) / Math.PI;
const gumbelScale = Math.sqrt(6) / Math.PI;

/** First shape of the beta variable whose B/m has variance γ²: b / (a (a+b+1)) falls as a rises. */
const meanOneAlpha = (spread: number, b: number) => invert((a) => -b / (a * (a + b + 1)), -(spread ** 2), 0, 1e4);

export const references: readonly Reference[] = [
  family({ name: 'gaussian' }, (r) => (r === 2 ? 1 : 0), normalCdf),
  // κ_r = 2 (r-1)! ζ(r) s^r, r even
  family(
    { name: 'logistic' },
    (r) => even(r, 2 * factorial(r - 1) * zeta[r]! * logisticScale ** r),
    (x) => 1 / (1 + Math.exp(-x / logisticScale)),
  ),
  // κ_r = 2 (r-1)! b^r, r even
  family(
    { name: 'laplace' },
    (r) => even(r, 2 * factorial(r - 1) * Math.SQRT1_2 ** r),
    (x) => (x < 0 ? Math.exp(x * Math.SQRT2) / 2 : 1 - Math.exp(-x * Math.SQRT2) / 2),
  ),
  // κ_r = (r-1)! ζ(r) β^r
  family(
    { name: 'gumbel' },
    (r) => factorial(r - 1) * zeta[r]! * gumbelScale ** r,
    (x) => Math.exp(-Math.exp(-x / gumbelScale - 0.5772156649015329)),
  ),
  gammaFamily({ name: 'gamma' }, () => 2),
  gammaFamily({ name: 'gamma', shape: 0.5 }, () => 0.5),
  gammaFamily({ name: 'gamma', shape: 0.7 }, () => 0.7),
  gammaFamily({ name: 'gamma', shape: 1 }, () => 1),
  gammaFamily({ name: 'gamma', shape: 1.5 }, () => 1.5),
  gammaFamily({ name: 'gamma', shape: 1.2 }, () => 1.2),
  gammaFamily({ name: 'gamma', shape: 9 }, () => 9),
  gammaFamily({ name: 'gamma', shape: 400.25 }, () => 400.25),
  gammaFamily({ name: 'gamma', meanOne: true }, (spread) => 1 / spread ** 2),
  gammaFamily({ name: 'chi-square' }, () => 0.5),
  gammaFamily({ name: 'chi-square', degrees: 2 }, () => 1),
  gammaFamily({ name: 'chi-square', degrees: 3 }, () => 1.5),
  gammaFamily({ name: 'chi-square', degrees: 11 }, () => 5.5),
  betaFamily({ name: 'beta' }, () => 2, 2),
  betaFamily({ name: 'beta', alpha: 0.5, beta: 0.5 }, () => 0.5, 0.5),
  betaFamily({ name: 'beta', alpha: 1, beta: 1 }, () => 1, 1),
  betaFamily({ name: 'beta', alpha: 0.3, beta: 4.4 }, () => 0.3, 4.4),
  betaFamily({ name: 'beta', alpha: 6, beta: 3 }, () => 6, 3),
  betaFamily({ name: 'beta', meanOne: true }, (spread) => meanOneAlpha(spread, 2), 2),
  betaFamily({ name: 'beta', beta: 0.6, meanOne: true }, (spread) => meanOneAlpha(spread, 0.6), 0.6),
  twoPoints({ name: 'bernoulli' }, (spread) => 1 / (1 + spread ** 2)),
  twoPoints({ name: 'bernoulli', keep: 0.41 }, () => 0.41),
  twoPoints({ name: 'bernoulli', keep: 0.9 }, () => 0.9),
];
