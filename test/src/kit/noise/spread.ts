import { createRng } from '@rnnx/core';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { sameBits } from '../rig.js';
import { show } from '../subject.js';
import type { NoiseSubject } from './subject.js';

export const spreadDependence = invariant<NoiseSubject>(
  'spread',
  'has a shape that follows the spread exactly where it says so',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const noise = subject.create(at.options);
      const [one, other] = [await draw(0.4), await draw(1)];
      if (sameBits(one, other) === noise.spreadDependent)
        fail(
          `${show(at.options)} says spreadDependent ${noise.spreadDependent}, ` +
            `and its standardised numbers ${noise.spreadDependent ? 'are the same at' : 'differ between'} spreads 0.4 and 1`,
        );

      function draw(spread: number) {
        return subject.draw(noise, [500], createRng(9), spread);
      }
    }
  },
);
