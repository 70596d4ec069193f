import type { Site } from '@rnnx/core';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { sizes } from '../rig.js';
import { falseAlarmRate, normalLimit } from '../statistics.js';
import { show } from '../subject.js';
import { answer } from './claims.js';
import type { Draws } from './draws.js';
import type { RegularizerSubject } from './subject.js';

/** Drawn once a minibatch by their nature. */
const timeless: readonly Site[] = ['embedding', 'initial'];

export const lifetime = invariant<RegularizerSubject>(
  'lifetime',
  'keeps a draw as long as claimed: for the whole sequence, or anew and independently for every step',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const random = (await subject.draws(at)).filter((draws) => draws.random && !timeless.includes(draws.first.site));
      const limit = normalLimit(falseAlarmRate / Math.max(1, random.length));
      for (const draws of random) {
        const claim = answer(at.lifetime, draws.first.site);
        const what = `${show(at.options)}: the noise at ${draws.place}`;
        if (claim === undefined) fail(`${what} has no claimed lifetime`);
        if (claim === 'sequence' && !sameForAllSteps(draws)) fail(`${what} changes within a sequence`);
        if (claim === 'step') {
          if (draws.first.steps !== sizes.steps) fail(`${what} is one draw for the whole sequence, not one a step`);
          if (draws.dependence((values) => products(draws, values)) > limit) fail(`${what} is shared between steps`);
        }
      }
    }
  },
);

function sameForAllSteps({ first, values }: Draws): boolean {
  const slice = first.values.length / first.steps;
  return values.every((draw) => draw.every((value, i) => value === draw[i % slice]));
}

/** Sum of products of every element with that of the next step. */
function products({ first }: Draws, values: Float64Array): number {
  const slice = values.length / first.steps;
  let sum = 0;
  for (let i = 0; i + slice < values.length; i++) sum += values[i]! * values[i + slice]!;
  return sum;
}
