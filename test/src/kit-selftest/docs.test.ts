import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import {
  backendInvariants,
  cellInvariants,
  datasetInvariants,
  noiseInvariants,
  regularizerInvariants,
} from '../kit/index.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const page = readFileSync(`${root}docs/contract-kit.md`, 'utf8');

/** Names in the first column of the table after a heading such as `Cells:`. */
function documented(heading: string): string[] {
  const table = page.split(`\n${heading}:\n\n`)[1]!.split('\n\n')[0]!;
  const rows = table.split('\n').slice(2);
  return rows.flatMap((row) => [...row.split('|')[1]!.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name!));
}

describe('docs/contract-kit.md', () => {
  it('shows the example that runs here', () => {
    const [, block] = /```ts\n([\s\S]*?)```/.exec(page)!;
    expect(block).to.equal(readFileSync(`${root}test/src/contracts/example.test.ts`, 'utf8'));
  });

  const contracts = {
    Regularizers: regularizerInvariants,
    Cells: cellInvariants,
    'Noise distributions': noiseInvariants,
    'Data sets': datasetInvariants,
    Backends: backendInvariants,
  };
  for (const [heading, invariants] of Object.entries(contracts))
    it(`names every invariant of ${heading.toLowerCase()}, and no other`, () => {
      const names = invariants.map(({ name }) => name);
      expect([...documented('Every kind'), ...documented(heading)].sort()).to.deep.equal([...names].sort());
    });
});
