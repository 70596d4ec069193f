import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { deviation, estimate, falseAlarmRate, normalLimit } from '../statistics.js';
import { show } from '../subject.js';
import { answer, type RegularizerCase } from './claims.js';
import type { Draws } from './draws.js';
import type { RegularizerSubject } from './subject.js';

/**
 * Minibatches with different random streams have independent noise, and so have the places of one minibatch. Independence is
 * seen as correlation; false alarms as in `statistics.ts`.
 */
export const streams = invariant<RegularizerSubject>(
  'streams',
  'draws anew for every minibatch, and independently for every place',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const all = await subject.draws(at);
      const random = all.filter((draws) => draws.random);
      for (const draws of all) if (!draws.random) checkConstant(at, draws);
      const pairs = at.tied ? [] : placesOfOneShape(random);
      const limit = normalLimit(falseAlarmRate / Math.max(1, random.length + pairs.length));
      for (const draws of random) {
        const previous = draws.centred;
        const z = draws.dependence((values, i) => dot(values, previous[i === 0 ? previous.length - 1 : i - 1]!));
        if (z > limit) fail(`${show(at.options)}: minibatches that follow each other share noise at ${draws.place}`);
      }
      for (const [one, other] of pairs) {
        const z = deviation(estimate(one.centred.map((values, i) => dot(values, other.centred[i]!))), 0);
        if (z > limit)
          fail(`${show(at.options)}: ${one.place} and ${other.place} share their noise; take a stream for each`);
      }
    }
  },
);

/** A mask that is kept for good looks like no noise at all, and is found by what was claimed. */
function checkConstant(at: RegularizerCase, { first }: Draws): void {
  if (answer(at.lifetime, first.site) !== undefined)
    fail(`${show(at.options)}: the noise at ${first.place} is the same in every minibatch`);
}

function placesOfOneShape(all: readonly Draws[]): (readonly [Draws, Draws])[] {
  return all.flatMap((one, i) =>
    all.slice(i + 1).flatMap((other) => (one.first.values.length === other.first.values.length ? [[one, other]] : [])),
  ) as (readonly [Draws, Draws])[];
}

function dot(left: Float64Array, right: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < left.length; i++) sum += left[i]! * right[i]!;
  return sum;
}
