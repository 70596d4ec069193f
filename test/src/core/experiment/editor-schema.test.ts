import { exportSchema } from '@rnnx/core';
import { Ajv } from 'ajv';
import { expect } from 'chai';
import { stubRegistry } from './fixtures.js';

describe('exportSchema', () => {
  const schema = JSON.parse(JSON.stringify(exportSchema(stubRegistry())));
  const validate = new Ajv({ strictTypes: false, strictRequired: false }).compile(schema);

  it('stands alone: every reference points into its own definitions', () => {
    const references = [...JSON.stringify(schema).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]!);
    expect(references.length).to.be.greaterThan(4);
    for (const reference of references) {
      expect(reference).to.match(/^#\/definitions\/plugin-/);
      expect(schema.definitions).to.have.property(reference.replace('#/definitions/', ''));
    }
  });

  it('accepts what the parser accepts', () => {
    const config = {
      $schema: './rnnx.schema.json',
      dataset: { name: 'grammar', size: 20 },
      regularizers: ['noisin', { name: 'noisin', distribution: { name: 'gamma', shape: 1 } }],
      variants: { none: { regularizers: [], training: { epochs: 2 } } },
    };
    expect(validate(config), JSON.stringify(validate.errors)).to.equal(true);
  });

  for (const [what, config] of [
    ['an unknown plugin', { dataset: 'nothing' }],
    ['an unknown option', { dataset: 'grammar', epochs: 3 }],
    ['a plugin option out of range', { dataset: { name: 'grammar', size: 1 } }],
    ['a wrong setting inside a variant', { dataset: 'grammar', variants: { a: { training: { epochs: 0 } } } }],
  ] as const)
    it(`marks ${what}`, () => {
      expect(validate(config)).to.equal(false);
    });

  it('describes every property, for the editor to show', () => {
    const missing: string[] = [];
    const visit = (node: Record<string, unknown>, path: string) => {
      for (const [name, property] of Object.entries(
        (node.properties ?? {}) as Record<string, Record<string, unknown>>,
      )) {
        if (!('const' in property) && typeof property.description !== 'string') missing.push(`${path}.${name}`);
        visit(property, `${path}.${name}`);
      }
      for (const option of (node.oneOf ?? []) as Record<string, unknown>[]) visit(option, `${path}|`);
    };
    visit(schema, '');
    expect(missing).to.deep.equal([]);
  });
});
