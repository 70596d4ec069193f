import { createRng } from '@rnnx/core';
import { onEachBackend, portableBackends } from '../backends.js';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { sameBits } from '../rig.js';
import { show } from '../subject.js';
import type { NoiseSubject } from './subject.js';

export const backends = invariant<NoiseSubject>(
  'backends',
  'draws the same bits on every backend at hand',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const noise = subject.create(at.options);
      const results = await onEachBackend(subject.claims.backends ?? portableBackends, () =>
        subject.draw(noise, [300], createRng(3), 0.5),
      );
      const [[first, expected]] = results as [[string, Float32Array]];
      for (const [name, values] of results)
        if (!sameBits(values, expected)) fail(`${show(at.options)} draws other bits on ${name} than on ${first}`);
    }
  },
);
