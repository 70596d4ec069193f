import type { Surface } from '../report/chart.js';

export interface LossSurfaceOptions {
  /** Steps that the state is carried, from 0. */
  readonly steps: number;
  /** Value that the last state should have. */
  readonly target: number;
  /** λ of a penalty λ‖(w, b)‖ on the two weights. */
  readonly penalty?: { readonly norm: 'L1' | 'L2'; readonly lambda: number };
}

/** Squared error of h_T of h_t = σ(w h_{t-1} + b), h_0 = 0, and the penalty (λ|·|₁ or λ|·|₂²). */
export function oneUnitLoss(w: number, b: number, { steps, target, penalty }: LossSurfaceOptions): number {
  let h = 0;
  for (let t = 0; t < steps; t++) h = 1 / (1 + Math.exp(-(w * h + b)));
  const size = penalty?.norm === 'L1' ? Math.abs(w) + Math.abs(b) : w ** 2 + b ** 2;
  return (h - target) ** 2 + (penalty?.lambda ?? 0) * size;
}

/**
 * Loss of a one-unit network without input over its two weights: a flat valley beside a wall, which a norm penalty slopes
 * (music study, figures 2 and 3; range and settings in the manner of Pascanu et al. 2013).
 *
 * @param intervals along w from -3 to 10 and along b from -5 to 0
 */
export function lossSurface(options: LossSurfaceOptions, intervals: readonly [number, number]): Surface {
  const along = (from: number, to: number, n: number) =>
    Array.from({ length: n + 1 }, (_, i) => from + ((to - from) * i) / n);
  const [xs, ys] = [along(-3, 10, intervals[0]), along(-5, 0, intervals[1])];
  const { penalty } = options;
  return {
    kind: 'surface',
    title: penalty === undefined ? 'Without penalty' : `With ${penalty.norm} penalty, λ = ${penalty.lambda}`,
    x: { name: 'recurrent weight' },
    y: { name: 'bias' },
    z: 'squared error',
    xs,
    ys,
    values: ys.map((b) => xs.map((w) => oneUnitLoss(w, b, options))),
  };
}
