import type { Rng } from '@rnnx/core';

const unit = 2 ** -32;

/** Draws of Gamma(shape, scale 1), one an element; the same element gives the same draw. */
export interface GammaVariates {
  draw(element: number): number;
  /** Logarithm of the same draw, finite where a small shape makes the draw itself underflow to 0. */
  logDraw(element: number): number;
}

/**
 * Gamma variates with random words of their own for every element and attempt, so that a rejection moves no other
 * element.
 *
 * Twice the shape a whole number up to 4, from sums of exponentials: Gamma(1/2) = E cos²(2πv), Gamma(1) = E,
 * Gamma(3/2) = E cos²(2πv) + E', Gamma(2) = E + E', where E = -ln u (E cos² is half a squared normal of Box and Muller).
 * Else by Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26(3), 2000: d = a - 1/3,
 * c = 1/√(9d), v = (1 + c n)³, taken where ln u < n²/2 + d - d v + d ln v; below a = 1 by Gamma(a+1) u^(1/a) (their
 * section 6).
 */
export function gammaVariates(shape: number, rng: Rng): GammaVariates {
  const words = new Uint32Array(4);
  const uniform = (word: number) => (words[word]! + 0.5) * unit;
  const doubled = 2 * shape;
  if (Number.isInteger(doubled) && doubled <= 4) {
    const draw = (element: number) => {
      rng.words(element, 0, words);
      const cosine = doubled % 2 === 1 ? Math.cos(2 * Math.PI * uniform(3)) : 0;
      const half = -Math.log(uniform(2)) * cosine * cosine;
      if (doubled === 1) return half;
      return half - Math.log(doubled === 4 ? uniform(0) * uniform(1) : uniform(0));
    };
    return { draw, logDraw: (element) => Math.log(draw(element)) };
  }

  const boosted = shape < 1;
  const d = (boosted ? shape + 1 : shape) - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  /** Leaves the words of the accepted attempt behind; its last word took no part in the acceptance. */
  const base = (element: number) => {
    for (let attempt = 0; ; attempt++) {
      rng.words(element, attempt, words);
      const n = Math.sqrt(-2 * Math.log(uniform(0))) * Math.cos(2 * Math.PI * uniform(1));
      const root = 1 + c * n;
      if (root <= 0) continue;
      const v = root * root * root;
      const u = uniform(2);
      if (u < 1 - 0.0331 * n ** 4 || Math.log(u) < n * n * 0.5 + d * (1 - v + Math.log(v))) return d * v;
    }
  };
  const logBoost = () => (boosted ? Math.log(uniform(3)) / shape : 0);
  return {
    draw: (element) => {
      const value = base(element);
      return boosted ? value * Math.exp(logBoost()) : value;
    },
    logDraw: (element) => Math.log(base(element)) + logBoost(),
  };
}
