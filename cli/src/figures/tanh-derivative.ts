import type { Rng } from '@rnnx/core';
import type { Curves, Point } from '../report/chart.js';

/** E[1 - tanh²(x)] for x ~ N(0, σ²), and its quartiles. */
export interface DerivativeAt {
  readonly deviation: number;
  readonly mean: number;
  readonly lower: number;
  readonly upper: number;
}

/**
 * The derivative of tanh where its input is Gaussian, by sampling: it falls as the input spreads, so that activations
 * normalised to unit variance let gradients vanish (Cooijmans et al. 2016, figure 2b).
 *
 * @param deviations σ of the input, from 0 up
 * @param draws of each
 */
export function tanhDerivative(deviations: readonly number[], draws: number, rng: Rng): readonly DerivativeAt[] {
  return deviations.map((deviation, i) => {
    const values = rng
      .stream(`deviation-${i}`)
      .normals(draws)
      .map((e) => 1 - Math.tanh(deviation * e) ** 2)
      .sort();
    const mean = values.reduce((sum, value) => sum + value, 0) / draws;
    const quantile = (q: number) => values[Math.round(q * (draws - 1))]!;
    return { deviation, mean, lower: quantile(0.25), upper: quantile(0.75) };
  });
}

export function tanhDerivativeChart(results: readonly DerivativeAt[]): Curves {
  const points = (value: (at: DerivativeAt) => number) => results.map((at): Point => [at.deviation, value(at)]);
  return {
    kind: 'curves',
    title: 'Derivative of tanh',
    x: { name: 'standard deviation of the input' },
    y: { name: 'mean derivative', min: 0, max: 1 },
    series: [
      { name: 'mean', colour: 0, points: points(({ mean }) => mean) },
      { name: 'lower quartile', colour: 0, dashed: true, points: points(({ lower }) => lower) },
      { name: 'upper quartile', colour: 0, dashed: true, points: points(({ upper }) => upper) },
    ],
  };
}
