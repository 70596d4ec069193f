import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { show } from '../subject.js';
import { type DatasetSubject, describe } from './subject.js';

export const determinism = invariant<DatasetSubject>(
  'same-data',
  'loads the same data every time, from the same instance and from a new one',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const instance = subject.create(at.options);
      const first = describe(await subject.load(at, instance));
      for (const again of [await subject.load(at, instance), await subject.load(at)])
        if (describe(again) !== first) fail(`${show(at.options)} loads other data the second time`);
    }
  },
);
