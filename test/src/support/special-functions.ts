/** Distribution functions for tests, in double precision; relative error about 1e-12. */

/** Lanczos's approximation, g = 7 with nine coefficients. */
const lanczos = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** ln Γ(x), x > 0. */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const t = x + 6.5;
  let sum = lanczos[0]!;
  for (let i = 1; i < lanczos.length; i++) sum += lanczos[i]! / (x - 1 + i);
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

/** P(G ≤ x) for G ~ Gamma(shape, 1): the power series below shape + 1, else the continued fraction. */
export function gammaCdf(shape: number, x: number): number {
  if (x <= 0) return 0;
  const front = Math.exp(shape * Math.log(x) - x - logGamma(shape));
  if (x < shape + 1) {
    let term = 1 / shape;
    let sum = term;
    for (let n = 1; term > sum * 1e-16; n++) {
      term *= x / (shape + n);
      sum += term;
    }
    return front * sum;
  }
  return 1 - front * continuedFraction(x + 1 - shape, (n) => [-n * (n - shape), x + 2 * n + 1 - shape]);
}

/** P(B ≤ x) for B ~ Beta(a, b). */
export function betaCdf(a: number, b: number, x: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betaCdf(b, a, 1 - x);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  return (
    front *
    continuedFraction(1, (n) => {
      const m = Math.floor(n / 2);
      const numerator =
        n % 2 === 0
          ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
          : (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
      return [numerator, 1];
    })
  );
}

/** 1/(b0 + a1/(b1 + a2/(b2 + ...))) by Lentz's method; `term(n)` gives [a_n, b_n]. */
function continuedFraction(b0: number, term: (n: number) => readonly [number, number]): number {
  let value = b0;
  let c = b0;
  let d = 0;
  for (let n = 1; n < 10_000; n++) {
    const [a, b] = term(n);
    d = 1 / (b + a * d || 1e-300);
    c = b + a / c || 1e-300;
    value *= c * d;
    if (Math.abs(c * d - 1) < 1e-15) return 1 / value;
  }
  throw new Error('the continued fraction does not settle');
}

/** Standard normal distribution function. */
export function normalCdf(x: number): number {
  const tail = gammaCdf(0.5, (x * x) / 2) / 2;
  return x < 0 ? 0.5 - tail : 0.5 + tail;
}

/** The x at which an increasing function reaches `target`, by bisection. */
export function invert(increasing: (x: number) => number, target: number, low: number, high: number): number {
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (increasing(middle) < target) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
