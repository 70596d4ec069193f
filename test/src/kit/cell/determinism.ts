import { createRng } from '@rnnx/core';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { sameBits } from '../rig.js';
import { show } from '../subject.js';
import type { CellSubject } from './subject.js';

export const determinism = invariant<CellSubject>(
  'pure',
  'is a function of what it is given: the same bits again, and in training as at evaluation',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const [rig, fresh] = [subject.rig(at), subject.rig(at)];
      const first = await rig.train(createRng(5));
      const evaluated = await rig.evaluate(createRng(5));
      for (const other of [await rig.train(createRng(6)), await fresh.train(createRng(5))])
        if (!sameBits(first.outcome, other.outcome))
          fail(`${show(at.options)} gives another loss for the same minibatch`);
      // Loss and NLL stand first in one and the NLL in the other; then come the states.
      if (!sameBits(first.outcome.slice(2), evaluated.slice(1)))
        fail(`${show(at.options)} steps to other states at evaluation than in training`);
      rig.dispose();
      fresh.dispose();
    }
  },
);
