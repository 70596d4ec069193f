import { createRng } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { invariant } from '../contract.js';
import { requireNoLeak } from '../leaks.js';
import { show } from '../subject.js';
import type { RegularizerSubject } from './subject.js';

export const leaks = invariant<RegularizerSubject>(
  'no-leak',
  'leaves no tensor behind: at creation, in training, at evaluation',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const what = show(at.options);
      await requireNoLeak(`creating it with ${what}`, () => {
        subject.create(at.options);
      });
      const rig = subject.rig(at);
      await rig.statistics();
      await requireNoLeak(`training with ${what}`, () => tf.dispose(rig.trainOnce(createRng(1)) as never));
      await requireNoLeak(`evaluating with ${what}`, async () => {
        await rig.evaluate(createRng(1));
      });
      await requireNoLeak(`reporting with ${what}`, () => tf.dispose(rig.model.report(rig.weights)));
      rig.dispose();
    }
  },
);
