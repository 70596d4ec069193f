import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { execute } from '../support/outside.js';
import { read, root } from './repository.js';

interface Block {
  readonly language: string;
  /** What stands behind the language: the file that it is, or `fails` for commands that must. */
  readonly label: string | undefined;
  readonly text: string;
}

const page = 'docs/writing-a-plugin.md';
const blocks = [...read(page).matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(
  ([, language, label, text]): Block => ({ language: language!, label, text: text! }),
);

/** Follows the page from its first block to its last, in a folder outside the repository. */
describe(page, () => {
  let folder = '';
  /** Where the reader stands. */
  let here = '';
  let output = '';
  before(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'rnnx-page-')));
    here = folder;
    // In place of `npm install`, which the tests of create-plugin run.
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [i, { language, label, text }] of blocks.entries()) {
    const first = text.trim().split('\n')[0]!;

    if (language === 'sh')
      it(`block ${i + 1}, ${label === 'fails' ? 'which fails' : 'which succeeds'}: ${first}`, async function () {
        this.timeout(120_000);
        output = '';
        for (const command of text.trim().split('\n')) {
          const [program, ...args] = command.split(' ');
          const ended = await execute(program!, args, here);
          output += ended.output;
          expect(ended.code === 0, `${command}\n${ended.output}`).to.equal(label !== 'fails');
        }
        // The page says to go there.
        if (first.includes('create-plugin')) here = join(folder, 'rnnx-plugin-gaussian-dropout');
      });
    else if (language === 'text')
      it(`block ${i + 1}, which the commands before it printed: ${first.slice(0, 40)}`, () => {
        for (const line of text.trim().split('\n')) expect(output).to.include(line);
      });
    else
      it(`block ${i + 1}: ${label}`, () => {
        expect(label, 'a file of the package').to.match(/^[\w./-]+\.(ts|json)$/);
        mkdirSync(dirname(join(here, label!)), { recursive: true });
        writeFileSync(join(here, label!), text);
      });
  }

  it('has no block that is not run, and ends with a run of the plugin', () => {
    expect(read(page).match(/^```/gm)).to.have.length(2 * blocks.length);
    expect(new Set(blocks.map(({ language }) => language))).to.deep.equal(new Set(['sh', 'ts', 'text', 'json']));
    expect(output)
      .to.match(/^gaussian +1 /m)
      .and.to.match(/^with-zoneout +1 /m);
    expect(output)
      .to.include('regularizer gaussian-dropout')
      .and.to.match(/^lifetime /m);
  });
});
