/**
 * Tests on repeated draws. A false alarm is a right plugin that fails; its rate is over seeds, and the kit's seeds are fixed,
 * so that an outcome never changes by itself. Limits are those of the normal distribution, to which sums over hundreds of
 * independent draws are close; where a check makes several tests, the rate is divided among them (Bonferroni).
 */
export const falseAlarmRate = 1e-6;

/** The z that |N(0, 1)| passes with probability `rate`. */
export function normalLimit(rate: number): number {
  let [low, high] = [0, 40];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (2 * upperTail(middle) > rate) low = middle;
    else high = middle;
  }
  return high;
}

/** P(N(0, 1) > z): a series below 2.5, a continued fraction above. */
export function upperTail(z: number): number {
  const density = Math.exp(-(z * z) / 2) / Math.sqrt(2 * Math.PI);
  if (z < 2.5) {
    let [term, sum] = [z, z];
    for (let k = 1; k < 60; k++) {
      term *= (z * z) / (2 * k + 1);
      sum += term;
    }
    return 0.5 - density * sum;
  }
  let fraction = z;
  for (let k = 80; k >= 1; k--) fraction = z + k / fraction;
  return density / fraction;
}

/** Mean and standard error of independent values. */
export interface Estimate {
  readonly mean: number;
  readonly error: number;
}

export function estimate(values: ArrayLike<number>): Estimate {
  const n = values.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += values[i]! / n;
  let square = 0;
  for (let i = 0; i < n; i++) square += (values[i]! - mean) ** 2;
  return { mean, error: Math.sqrt(square / (n - 1) / n) };
}

/** |mean - expected| in standard errors; values that do not vary pass only where they are equal up to rounding. */
export function deviation({ mean, error }: Estimate, expected: number): number {
  const off = Math.abs(mean - expected);
  const rounding = 1e-5 * Math.max(1, Math.abs(expected));
  if (off <= rounding * 0.1) return 0;
  return error === 0 ? Number.POSITIVE_INFINITY : off / error;
}
