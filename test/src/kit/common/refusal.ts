import { RnnxError } from '@rnnx/core';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { type Subject, show } from '../subject.js';

/** The coded error with which work was refused, or `undefined` where it was done. Other errors are rethrown. */
export async function refusalOf(work: () => Promise<unknown>): Promise<RnnxError | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    // Two copies of the core may be installed, so that `instanceof` alone is not enough.
    if (error instanceof RnnxError || /^RNNX_/.test(String((error as { code?: unknown } | null)?.code)))
      return error as RnnxError;
    throw error;
  }
}

export const refusals = invariant<Subject>(
  'refusals',
  'refuses what it cannot do with a code, and says what came, what was expected and what to do',
  async (subject) => {
    const { valid, invalid } = subject.claims;
    if (invalid.length === 0 && subject.properties.length > 0)
      fail('no invalid options were given to try, though there are options');
    for (const { options, code } of invalid) {
      let error: RnnxError | undefined;
      try {
        error = await refusalOf(async () => {
          const at = { ...valid[0]!, options };
          await subject.exercise(subject.create(options), at);
        });
      } catch (cause) {
        fail(`${show(options)} ended in an error without a code: ${cause}`);
      }
      if (error === undefined) fail(`${show(options)} was taken; ${code} was expected`);
      if (error.code !== code) fail(`${show(options)} was refused with ${error.code} instead of ${code}`);
      const { got, expected, remedy } = error.details;
      for (const [part, text] of Object.entries({ got, expected, remedy }))
        if (!text) fail(`the error for ${show(options)} does not say "${part}"`);
    }
  },
);
