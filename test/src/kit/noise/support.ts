import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { show } from '../subject.js';
import type { NoiseSubject } from './subject.js';

export const support = invariant<NoiseSubject>(
  'support',
  'stays within the support that it states, on both sides of its mean',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const noise = subject.create(at.options);
      for (const spread of subject.spreads(at)) {
        const [low, high] = noise.support(spread);
        const what = `${show(at.options)} at spread ${spread}`;
        if (!(low < 0 && high > 0))
          fail(`${what} states the support [${low}, ${high}], which does not hold its mean 0`);
        for (const value of await subject.large(at, spread)) {
          if (!Number.isFinite(value)) fail(`${what} draws ${value}`);
          const rounding = 1e-6 * Math.max(1, Math.abs(value));
          if (value < low - rounding || value > high + rounding)
            fail(`${what} draws ${value} outside [${low}, ${high}]`);
        }
      }
    }
  },
);
