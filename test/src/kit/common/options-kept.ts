import { isDeepStrictEqual } from 'node:util';
import type { PluginKinds } from '@rnnx/core';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { type Subject, show } from '../subject.js';

export const optionsKept = invariant<Subject>(
  'options-kept',
  'leaves the options that it is given as they are',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const given = structuredClone(subject.resolve(at.options));
      const before = structuredClone(given);
      const create = subject.plugin.create as (options: unknown, context: unknown) => PluginKinds[typeof subject.kind];
      await subject.exercise(create(given, subject.registry), at);
      if (!isDeepStrictEqual(given, before)) fail(`changed its options from ${show(before)} to ${show(given)}`);
      // And it works with frozen ones, as a run gives them.
      await subject.exercise(subject.create(at.options), at);
    }
  },
);
