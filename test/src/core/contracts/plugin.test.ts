import {
  type AnyPlugin,
  coreVersion,
  definePlugin,
  findProblem,
  type OptionsSchema,
  pluginReference,
} from '@rnnx/core';
import { expect } from 'chai';
import { refusal } from '../../support/errors.js';

const valid = {
  kind: 'noise',
  name: 'my-noise',
  summary: 'Noise for a test',
  core: `^${coreVersion}`,
  paper: null,
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: { width: { type: 'number', default: 1, description: 'how wide' } },
  },
  create: () => {
    throw new Error('not meant to be created');
  },
} as const;

const define = (changes: object) => definePlugin({ ...valid, ...changes } as never);

describe('definePlugin', () => {
  it('gives the definition back, frozen, and does not call create', () => {
    const plugin = definePlugin<'noise', { width: number }>({ ...valid });
    expect(plugin).to.deep.equal(valid);
    expect(Object.isFrozen(plugin)).to.equal(true);
  });

  it('takes a paper, options without defaults, and no options', () => {
    define({ paper: { title: 'A', authors: 'B', year: 2018 } });
    define({ schema: { ...valid.schema, required: ['width'], properties: { width: { description: 'how wide' } } } });
    define({ schema: { ...valid.schema, properties: {} } });
  });

  const properties = (of: object) => ({ schema: { ...valid.schema, properties: of } });
  const refused: readonly [string, object, string][] = [
    ['an unknown kind', { kind: 'cells' }, 'kind'],
    ['no kind', { kind: undefined }, 'kind'],
    ['no name', { name: undefined }, 'name'],
    ['a name with capitals', { name: 'MyNoise' }, '"MyNoise"'],
    ['a name with spaces', { name: 'my noise' }, 'name'],
    ['a name that ends in a hyphen', { name: 'noise-' }, 'name'],
    ['a name that starts with a digit', { name: '1noise' }, 'name'],
    ['no summary', { summary: '' }, 'summary'],
    ['no range of core versions', { core: undefined }, 'core'],
    ['a range that is none', { core: 'newest' }, 'core'],
    ['no paper', { paper: undefined }, 'paper'],
    ['a paper without a year', { paper: { title: 'A', authors: 'B' } }, 'paper'],
    ['no create', { create: undefined }, 'create'],
    ['no schema', { schema: undefined }, 'schema'],
    ['a schema that allows more', { schema: { type: 'object', properties: {} } }, 'strict'],
    ['a schema of no object', { schema: { ...valid.schema, type: 'array' } }, 'strict'],
    ['a schema without properties', { schema: { type: 'object', additionalProperties: false } }, 'strict'],
    ['properties that are null', properties(null as never), 'strict'],
    ['an option without a description', properties({ width: { type: 'number' } }), '"width"'],
    ['an option that is no schema', properties({ width: null }), '"width"'],
    ['an option called name', properties({ name: { description: 'a name' } }), '"name"'],
    ['a required option that is not there', { schema: { ...valid.schema, required: ['height'] } }, '"height"'],
  ];
  for (const [what, changes, named] of refused)
    it(`refuses ${what}`, () => {
      expect(refusal('RNNX_PLUGIN_INVALID', () => define(changes)).message).to.include(named);
    });

  it('refuses what is no definition at all', () => {
    for (const value of [undefined, null, 'gaussian', 3])
      expect(findProblem(value as unknown as AnyPlugin)?.what).to.equal('not a plugin');
    refusal('RNNX_PLUGIN_INVALID', () => definePlugin(undefined as never));
  });

  it('types an option that names a plugin', () => {
    const schema: OptionsSchema<{ noise: string }> = {
      type: 'object',
      additionalProperties: false,
      properties: { noise: pluginReference('noise', 'the family', 'gaussian') },
    };
    expect(schema.properties.noise).to.deep.equal({
      description: 'the family',
      default: 'gaussian',
      $ref: 'rnnx:plugin/noise',
    });
    expect(pluginReference('noise', 'the family')).to.not.have.property('default');
  });
});
