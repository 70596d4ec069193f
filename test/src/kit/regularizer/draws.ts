import { fail } from '../outcome.js';
import { deviation, estimate } from '../statistics.js';
import type { Effect } from './effects.js';

/** Minibatches from which statistics are taken. */
export const drawCount = 300;

/** The same place in many minibatches, each with its own random stream. */
export class Draws {
  readonly first: Effect;
  readonly values: readonly Float32Array[];
  readonly random: boolean;
  #centred: readonly Float64Array[] | undefined;

  constructor(effects: readonly Effect[]) {
    this.first = effects[0]!;
    this.values = effects.map(({ values }) => values);
    this.random = this.values.some((values) => values.some((value, i) => value !== this.first.values[i]));
  }

  get place(): string {
    return this.first.place;
  }

  /** Index of an element; a dimension of 1 is the same for all. */
  index(t: number, b: number, unit: number): number {
    const { steps, batch, units } = this.first;
    return ((steps === 1 ? 0 : t) * batch + (batch === 1 ? 0 : b)) * units + unit;
  }

  /** Each element less its mean over the minibatches. */
  get centred(): readonly Float64Array[] {
    if (this.#centred === undefined) {
      const mean = new Float64Array(this.first.values.length);
      for (const values of this.values) for (let i = 0; i < mean.length; i++) mean[i]! += values[i]! / drawCount;
      this.#centred = this.values.map((values) => Float64Array.from(values, (value, i) => value - mean[i]!));
    }
    return this.#centred;
  }

  /**
   * How far from uncorrelated pairs of elements are, in standard errors. The products are summed within a minibatch first,
   * since only minibatches are known to be independent.
   */
  dependence(product: (values: Float64Array, draw: number) => number): number {
    return deviation(estimate(this.centred.map(product)), 0);
  }
}

export function collect(all: readonly (readonly Effect[])[]): Draws[] {
  const first = all[0]!;
  for (const [i, effects] of all.entries()) {
    const differs = (effect: Effect, at: number) =>
      effect.place !== first[at]?.place || effect.values.length !== first[at]?.values.length;
    if (effects.length !== first.length || effects.some(differs))
      fail(`perturbs other places, or in other shapes, in minibatch ${i} than in the first`);
  }
  return first.map((_, place) => new Draws(all.map((effects) => effects[place]!)));
}
