import { createRng } from '@rnnx/core';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { sameBits } from '../rig.js';
import { show } from '../subject.js';
import type { Effect } from './effects.js';
import type { RegularizerSubject } from './subject.js';

export const determinism = invariant<RegularizerSubject>(
  'same-seed',
  'gives the same bits for the same seed, whatever it was asked before',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const instance = subject.create(at.options);
      const rig = subject.model(at, [instance]);
      const [one, other] = [createRng(5), createRng(6)];
      const first = await subject.effects(rig, instance, 'train', one);
      const second = await subject.effects(rig, instance, 'train', other);
      await subject.effects(rig, instance, 'evaluate', other);
      requireSame(first, await subject.effects(rig, instance, 'train', one), `${show(at.options)}, asked again,`);
      const fresh = subject.create(at.options);
      for (const [rng, expected] of [
        [other, second],
        [one, first],
      ] as const)
        requireSame(expected, await subject.effects(rig, fresh, 'train', rng), `${show(at.options)}, made anew,`);

      const before = await rig.train(one);
      await rig.train(other);
      const after = await rig.train(one);
      rig.dispose();
      const gradients = [...before.gradients].every(([name, values]) => sameBits(values, after.gradients.get(name)!));
      if (!sameBits(before.outcome, after.outcome) || !gradients)
        fail(`${show(at.options)} trains to another loss or gradient when the same minibatch comes again`);
    }
  },
);

function requireSame(left: readonly Effect[], right: readonly Effect[], what: string): void {
  if (left.length !== right.length) fail(`${what} perturbs ${right.length} places instead of ${left.length}`);
  for (const [i, effect] of left.entries())
    if (!sameBits(effect.values, right[i]!.values)) fail(`${what} gives other numbers at ${effect.place}`);
}
