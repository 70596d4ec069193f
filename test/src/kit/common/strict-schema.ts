import type { OptionSchema } from '@rnnx/core';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { type Subject, show } from '../subject.js';
import { refusalOf } from './refusal.js';

export const strictSchema = invariant<Subject>(
  'strict-schema',
  'takes its valid options and no others: unknown names, wrong types and values out of range are refused',
  async (subject) => {
    const { claims, plugin } = subject;
    if (claims.valid.length === 0) fail('there is no valid set of options to try');
    for (const { options } of claims.valid) subject.resolve(options);

    const { options } = claims.valid[0]!;
    const expectRefused = async (changed: Record<string, unknown>, why: string) => {
      const error = await refusalOf(async () => subject.resolve(changed));
      if (error === undefined) fail(`${why} was taken: ${show(changed)}`);
    };
    await expectRefused({ ...options, 'unknown-option': 1 }, 'an option that is not in the schema');

    const required = new Set<string>(plugin.schema.required ?? []);
    for (const name of required)
      if (!subject.properties.some(([property]) => property === name)) fail(`requires "${name}", which is no option`);
    for (const [name, property] of subject.properties) {
      if ('default' in property === required.has(name))
        fail(`option "${name}" should have a default or be required, and not both`);
      await expectRefused({ ...options, [name]: { unfit: true } }, `an object without sense for "${name}"`);
      for (const value of beyond(property))
        await expectRefused({ ...options, [name]: value }, `${value} for "${name}", outside its range,`);
    }
  },
);

/** Numbers just outside the range that the schema gives. */
function beyond(property: OptionSchema): number[] {
  const types = [property.type ?? []].flat();
  if (!types.includes('number') && !types.includes('integer')) return [];
  const step = types.includes('integer') ? 1 : 1e-3;
  const bound = (keyword: string) => (typeof property[keyword] === 'number' ? [property[keyword] as number] : []);
  return [
    Number.NaN,
    Number.POSITIVE_INFINITY,
    ...bound('minimum').map((value) => value - step * Math.max(1, Math.abs(value))),
    ...bound('maximum').map((value) => value + step * Math.max(1, Math.abs(value))),
    ...bound('exclusiveMinimum'),
    ...bound('exclusiveMaximum'),
  ];
}
