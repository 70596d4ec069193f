import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { show } from '../subject.js';
import type { DatasetSubject } from './subject.js';

export const abort = invariant<DatasetSubject>(
  'abort',
  'stops where it is told to, with the reason that the signal gives',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const reason = new Error('the kit stopped the load');
      const context = { ...at.context, signal: AbortSignal.abort(reason) };
      let caught: unknown;
      try {
        await subject.load({ ...at, context });
      } catch (error) {
        caught = error;
      }
      if (caught === undefined) fail(`${show(at.options)} loads though its signal was aborted before`);
      if (caught !== reason) fail(`${show(at.options)} ends with ${caught} instead of the signal's reason`);
    }
  },
);
