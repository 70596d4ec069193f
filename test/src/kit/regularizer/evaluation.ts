import { createRng } from '@rnnx/core';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { sameBits } from '../rig.js';
import { show } from '../subject.js';
import type { RegularizerSubject } from './subject.js';

export const evaluation = invariant<RegularizerSubject>(
  'evaluation',
  'evaluates without noise, and draws it again where Monte Carlo samples are asked for',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const instance = subject.create(at.options);
      const rig = subject.model(at, [instance]);
      const effects = (phase: 'evaluate' | 'sample', seed: number) =>
        subject.effects(rig, instance, phase, createRng(seed));
      const [one, other] = [await effects('evaluate', 5), await effects('evaluate', 6)];
      const moved = one.find(({ values }, i) => other[i] === undefined || !sameBits(values, other[i].values));
      if (moved !== undefined || one.length !== other.length)
        fail(`${show(at.options)} has noise at evaluation, at ${moved?.place ?? 'some places only'}`);
      if (!sameBits(await rig.evaluate(createRng(5)), await rig.evaluate(createRng(6))))
        fail(`${show(at.options)} evaluates the same minibatch to another NLL under another seed`);

      const random = (await subject.draws(at)).filter((draws) => draws.random);
      const [left, right] = [await effects('sample', 5), await effects('sample', 6)];
      const still = random.find(({ place }) => {
        const [a, b] = [left, right].map((list) => list.find((effect) => effect.place === place)?.values);
        return a === undefined || b === undefined || sameBits(a, b);
      });
      rig.dispose();
      if (still !== undefined) fail(`${show(at.options)} has no noise at ${still.place} in the phase "sample"`);
    }
  },
);
