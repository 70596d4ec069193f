import { expect } from 'chai';
import fc from 'fast-check';
import { jsonErrorAt } from '../../../../cli/dist/config/json-position.js';

describe('jsonErrorAt', () => {
  const cases: readonly (readonly [string, number, number])[] = [
    ['{"a": 1,}', 0, 8],
    ['{"a": 1 "b": 2}', 0, 8],
    ['{\n  "a": [1,\n    2,]\n}', 2, 6],
    ["{'a': 1}", 0, 1],
    ['[1, 01]', 0, 5],
    ['[tru]', 0, 1],
    ['{"a" 1}', 0, 5],
    ['', 0, 0],
    ['[1] x', 0, 4],
  ];
  for (const [text, line, column] of cases)
    it(`finds the place in ${JSON.stringify(text)}`, () => {
      expect(() => JSON.parse(text)).to.throw();
      expect(jsonErrorAt(text)).to.deep.equal({ line, column });
    });

  it('reads all of whatever is JSON, however it is spaced', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(undefined, 2), (json, indent) => {
        const text = JSON.stringify(JSON.parse(json), null, indent);
        const lines = text.split('\n');
        expect(jsonErrorAt(text)).to.deep.equal({ line: lines.length - 1, column: lines.at(-1)!.length });
      }),
    );
  });
});
