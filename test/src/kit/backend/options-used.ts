import { optionsUsed as everywhere } from '../common/options-used.js';
import type { Invariant } from '../contract.js';
import { NotApplicable } from '../outcome.js';
import type { BackendSubject } from './subject.js';

/** Options of a backend that does not work here may have nothing to act on. */
export const optionsUsed: Invariant<BackendSubject> = {
  ...everywhere,
  async check(subject) {
    try {
      await everywhere.check(subject);
    } catch (error) {
      for (const { options } of subject.claims.valid)
        if ((await subject.create(options).probe()).available) throw error;
      throw new NotApplicable('it does not work on this machine');
    }
  },
};
