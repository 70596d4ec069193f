import { createRng } from '@rnnx/core';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { deviation, estimate, falseAlarmRate, normalLimit } from '../statistics.js';
import { show } from '../subject.js';
import type { NoiseSubject } from './subject.js';

const count = 20_000;

/** Correlation of streams, and of neighbours within one; false alarms: 1e-6 a set of options. */
export const streams = invariant<NoiseSubject>(
  'streams',
  'draws independent numbers: from stream to stream, and within one',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const noise = subject.create(at.options);
      const spreads = subject.spreads(at);
      const limit = normalLimit(falseAlarmRate / (3 * spreads.length));
      for (const spread of spreads) {
        const rng = createRng(71);
        const draw = (name: string) => subject.draw(noise, [count], rng.stream(name), spread);
        const [one, other] = [await draw('one'), await draw('other')];
        const products: [string, Float64Array][] = [
          ['different streams', Float64Array.from(one, (value, i) => value * other[i]!)],
          ['neighbours', Float64Array.from(one.subarray(1), (value, i) => value * one[i]!)],
          ['elements two apart', Float64Array.from(one.subarray(2), (value, i) => value * one[i]!)],
        ];
        for (const [what, values] of products)
          if (deviation(estimate(values), 0) > limit)
            fail(`${show(at.options)} at spread ${spread}: ${what} are correlated`);
      }
    }
  },
);
