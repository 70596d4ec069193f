import { createRng } from '@rnnx/core';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { sameBits } from '../rig.js';
import { show } from '../subject.js';
import type { NoiseSubject } from './subject.js';

export const determinism = invariant<NoiseSubject>(
  'same-seed',
  'gives the same bits for the same generator, whatever it was asked before',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const noise = subject.create(at.options);
      for (const spread of subject.spreads(at)) {
        const draw = (instance: typeof noise, seed: number) => subject.draw(instance, [4, 25], createRng(seed), spread);
        const [first, second] = [await draw(noise, 5), await draw(noise, 6)];
        const fresh = subject.create(at.options);
        // In the other order.
        const [again, before] = [await draw(fresh, 6), await draw(fresh, 5)];
        if (!sameBits(first, before) || !sameBits(second, again) || !sameBits(first, await draw(noise, 5)))
          fail(`${show(at.options)} at spread ${spread} gives other numbers when it is asked again`);
      }
    }
  },
);
