import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { AnyPlugin } from '@rnnx/core';
import { expect } from 'chai';
// So that the contracts are there whichever files are run.
import './backends.test.js';
import './cells.test.js';
import './datasets.test.js';
import './noises.test.js';
import './regularizers.test.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Every suite's title: filled in by mocha while it reads the files of this folder, before any test runs. */
function contractTitles(suite: Mocha.Suite): string[] {
  return [...(suite.tests.length > 0 ? [suite.title] : []), ...suite.suites.flatMap(contractTitles)];
}

describe('the contract kit', () => {
  for (const folder of readdirSync(`${root}plugins`))
    it(`covers every plugin of plugins/${folder}`, async function () {
      const { name } = JSON.parse(readFileSync(`${root}plugins/${folder}/package.json`, 'utf8'));
      const { default: plugins } = (await import(name)) as { default: readonly AnyPlugin[] };
      const known = contractTitles(this.test!.parent!.parent!);
      for (const plugin of plugins) expect(known).to.include(`${plugin.kind} "${plugin.name}"`);
    });

  it('finds plugins to cover', () => {
    expect(readdirSync(`${root}plugins`).length).to.be.greaterThan(10);
  });
});
