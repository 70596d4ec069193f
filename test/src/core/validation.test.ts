import { describeSchema, initializerSchema } from '@rnnx/core';
import { expect } from 'chai';

describe('describeSchema', () => {
  const cases: readonly (readonly [object, string])[] = [
    [{ type: 'integer', minimum: 1 }, 'integer >= 1'],
    [{ type: 'number', minimum: 0, exclusiveMaximum: 1 }, 'number >= 0 and < 1'],
    [{ type: ['integer', 'null'] }, 'integer or null'],
    [{ enum: ['mean', 'sum'] }, 'one of mean, sum'],
    [{ const: 'auto' }, '"auto"'],
    [
      { type: 'array', items: { type: 'integer' }, minItems: 1, uniqueItems: true },
      'array of integer with at least this many entries: 1 without repetition',
    ],
    [{ $ref: 'rnnx:plugin/noise' }, 'noise: a name, or an object with name and options'],
    [{ if: { type: 'null' }, else: { type: 'string' } }, 'null, or string'],
    [{ anyOf: [{ type: 'string' }, { type: 'boolean' }] }, 'string, or boolean'],
    [initializerSchema('Start'), 'object; name: one of zeros, constant, uniform, normal, orthogonal, identity, sparse'],
    [{}, ''],
  ];
  for (const [schema, words] of cases)
    it(`says "${words}"`, () => {
      expect(describeSchema(schema as Readonly<Record<string, unknown>>)).to.equal(words);
    });
});
