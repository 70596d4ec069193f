import { createRng } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { invariant } from '../contract.js';
import { requireNoLeak } from '../leaks.js';
import { fail } from '../outcome.js';
import { show } from '../subject.js';
import type { NoiseSubject } from './subject.js';

export const shapes = invariant<NoiseSubject>(
  'shapes',
  'gives float32 tensors of the shape that is asked for, and keeps none',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const noise = subject.create(at.options);
      for (const shape of [[], [1], [7], [4, 3, 5], [2, 3, 4, 5]]) {
        const sample = noise.sample(shape, createRng(1), 0.5);
        if (sample.dtype !== 'float32' || sample.shape.join() !== shape.join())
          fail(`${show(at.options)} gives ${sample.dtype} [${sample.shape}] for [${shape}]`);
        sample.dispose();
      }
      const draw = () => noise.sample([3, 4], createRng(1), 0.5);
      await requireNoLeak(`drawing with ${show(at.options)}`, () => tf.dispose(tf.tidy(draw)));
    }
  },
);
