import { createRng } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { invariant } from '../contract.js';
import { requireNoLeak } from '../leaks.js';
import { NotApplicable } from '../outcome.js';
import { show } from '../subject.js';
import type { BackendSubject } from './subject.js';

export const leaks = invariant<BackendSubject>('no-leak', 'leaves no tensor and no buffer behind', async (subject) => {
  let tried = 0;
  for (const at of subject.claims.valid)
    await subject.on(at, async () => {
      tried++;
      const rig = subject.rig();
      await requireNoLeak(`training with ${show(at.options)}`, () => tf.dispose(rig.trainOnce(createRng(1)) as never));
      rig.dispose();
    });
  if (tried === 0) throw new NotApplicable('it does not work on this machine');
});
