import { isDeepStrictEqual } from 'node:util';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { type Case, type Options, type Subject, show } from '../subject.js';
import { refusalOf } from './refusal.js';

/**
 * For every option of the schema there must be two valid sets that differ in this option alone and behave differently. The
 * kit takes them from the valid sets, and from those with one value replaced by a variation.
 */
export const optionsUsed = invariant<Subject>(
  'options-used',
  'ignores no option: each changes something that can be observed',
  async (subject) => {
    const { valid, variations = {} } = subject.claims;
    const names = subject.properties.map(([name]) => name);
    for (const name of Object.keys(variations)) if (!names.includes(name)) fail(`varies "${name}", which is no option`);

    const prints = new Map<Case, Promise<string>>();
    const fingerprint = (at: Case) => {
      if (!prints.has(at)) prints.set(at, subject.fingerprint(at));
      return prints.get(at)!;
    };
    for (const name of names) {
      const pairs: (readonly [Case, Case])[] = [];
      for (const at of valid) {
        const others = valid.map(({ options }) => options).filter((other) => differOnlyIn(subject, at, other, name));
        const varied = (variations[name] ?? []).map((value) => ({ ...at.options, [name]: value }));
        for (const options of [...others, ...varied]) pairs.push([at, { ...at, options }]);
      }
      const tried: string[] = [];
      let changes = false;
      for (const [one, other] of pairs) {
        if (isDeepStrictEqual(subject.resolve(one.options), await resolved(subject, other))) continue;
        const error = await refusalOf(async () => {
          subject.create(other.options);
        });
        if (error !== undefined) continue;
        tried.push(show(other.options));
        changes = (await fingerprint(one)) !== (await fingerprint(other));
        if (changes) break;
      }
      if (tried.length === 0) fail(`option "${name}" was never varied; give other values under variations.${name}`);
      if (!changes) fail(`option "${name}" changes nothing; tried ${tried.join(', ')}`);
    }
  },
);

function differOnlyIn(subject: Subject, one: Case, other: Options, name: string): boolean {
  const [{ [name]: a, ...left }, { [name]: b, ...right }] = [subject.resolve(one.options), subject.resolve(other)];
  return !isDeepStrictEqual(a, b) && isDeepStrictEqual(left, right);
}

async function resolved(subject: Subject, at: Case): Promise<unknown> {
  let options: unknown;
  await refusalOf(async () => {
    options = subject.resolve(at.options);
  });
  return options;
}
