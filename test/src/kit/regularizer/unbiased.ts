import { createRng } from '@rnnx/core';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { deviation, estimate, falseAlarmRate, normalLimit } from '../statistics.js';
import { show } from '../subject.js';
import type { Draws } from './draws.js';
import type { Effect } from './effects.js';
import type { RegularizerSubject } from './subject.js';

/**
 * The mean of every unit, and of all units together, over `drawCount` minibatches equals what evaluation uses. False alarms:
 * 1e-6 a set of options.
 */
export const unbiased = invariant<RegularizerSubject>(
  'unbiased',
  'is in training on average what it is at evaluation, where that is claimed',
  async (subject) => {
    for (const at of subject.claims.valid) {
      if (!at.unbiased) continue;
      const instance = subject.create(at.options);
      const rig = subject.model(at, [instance]);
      const expected = await subject.effects(rig, instance, 'evaluate', createRng(7));
      rig.dispose();
      const random = (await subject.draws(at)).filter((draws) => draws.random);
      const tests = random.reduce((sum, { first }) => sum + first.units + 1, 0);
      const limit = normalLimit(falseAlarmRate / tests);
      for (const draws of random) {
        const target = expected.find(({ place }) => place === draws.place);
        const [unit, mean, goal] = worst(draws, target);
        const z = deviation(mean, goal);
        if (z > limit)
          fail(
            `${show(at.options)} is biased at ${draws.place}: ${unit} is ${mean.mean.toPrecision(4)} on average, ` +
              `evaluation has ${goal.toPrecision(4)} (${z.toFixed(1)} standard errors, limit ${limit.toFixed(1)})`,
          );
      }
    }
  },
);

type Tested = readonly [what: string, estimate: ReturnType<typeof estimate>, goal: number];

/** The unit, or the average unit, that is furthest from its goal. */
function worst({ first, values }: Draws, target: Effect | undefined): Tested {
  const { units } = first;
  const rows = first.values.length / units;
  const goals = Array.from({ length: units }, (_, unit) =>
    target === undefined ? first.neutral(unit) : average(target.values, unit % target.units, target.units),
  );
  const means = values.map((draw) => goals.map((_, unit) => average(draw, unit, units)));
  const each: Tested[] = goals.map((goal, unit) => [`unit ${unit}`, estimate(means.map((row) => row[unit]!)), goal]);
  const off = means.map((row) => row.reduce((sum, value, unit) => sum + (value - goals[unit]!), 0) / units);
  const all: Tested = [`the average over ${rows * units} elements, less that of evaluation,`, estimate(off), 0];
  return [all, ...each].reduce((a, b) => (deviation(b[1], b[2]) > deviation(a[1], a[2]) ? b : a));
}

function average(values: Float32Array, unit: number, units: number): number {
  let sum = 0;
  for (let i = unit; i < values.length; i += units) sum += values[i]!;
  return (sum * units) / values.length;
}
