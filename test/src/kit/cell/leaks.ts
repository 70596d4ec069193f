import { createRng } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { invariant } from '../contract.js';
import { requireNoLeak } from '../leaks.js';
import { show } from '../subject.js';
import type { CellSubject } from './subject.js';

export const leaks = invariant<CellSubject>(
  'no-leak',
  'leaves no tensor behind: at creation, in training, at evaluation',
  async (subject) => {
    for (const at of subject.claims.valid) {
      await requireNoLeak(`creating it with ${show(at.options)}`, () => {
        subject.create(at.options).build(6, 5);
      });
      const rig = subject.rig(at);
      await requireNoLeak(`training with ${show(at.options)}`, () => tf.dispose(rig.trainOnce(createRng(1)) as never));
      await requireNoLeak(`evaluating with ${show(at.options)}`, async () => {
        await rig.evaluate(createRng(1));
      });
      rig.dispose();
    }
  },
);
