import { invariant } from '../contract.js';
import { requireNoLeak } from '../leaks.js';
import { show } from '../subject.js';
import type { DatasetSubject } from './subject.js';

export const leaks = invariant<DatasetSubject>('no-leak', 'makes no tensor that stays', async (subject) => {
  for (const at of subject.claims.valid)
    await requireNoLeak(`loading with ${show(at.options)}`, async () => {
      await subject.load(at);
    });
});
