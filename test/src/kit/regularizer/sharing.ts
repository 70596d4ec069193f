import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { falseAlarmRate, normalLimit } from '../statistics.js';
import { show } from '../subject.js';
import { answer } from './claims.js';
import type { Draws } from './draws.js';
import type { RegularizerSubject } from './subject.js';

export const sharing = invariant<RegularizerSubject>(
  'sharing',
  'shares a draw as claimed: one for the whole minibatch, or an independent one for every example',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const random = (await subject.draws(at)).filter(
        ({ random, first }) => random && !first.site.startsWith('weights.'),
      );
      const limit = normalLimit(falseAlarmRate / Math.max(1, random.length));
      for (const draws of random) {
        const claim = answer(at.sharing, draws.first.site);
        const what = `${show(at.options)}: the noise at ${draws.place}`;
        if (claim === undefined) fail(`${what} has no claimed sharing`);
        if (claim === 'batch' && !sameForAllExamples(draws)) fail(`${what} differs between examples`);
        if (claim === 'example') {
          if (draws.first.batch === 1) fail(`${what} is one draw for all examples, not one each`);
          if (draws.dependence((values) => products(draws, values)) > limit) fail(`${what} is shared between examples`);
        }
      }
    }
  },
);

function sameForAllExamples({ first, values }: Draws): boolean {
  const { batch, units } = first;
  return values.every((draw) =>
    draw.every((value, i) => value === draw[Math.floor(i / (batch * units)) * batch * units + (i % units)]),
  );
}

/** Sum of products of every element with that of the next example. */
function products({ first: { batch, units } }: Draws, values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++)
    if (Math.floor(i / units) % batch < batch - 1) sum += values[i]! * values[i + units]!;
  return sum;
}
