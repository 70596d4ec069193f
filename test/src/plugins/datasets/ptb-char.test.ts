import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { characterFile, ptbCharFiles, ptbFiles } from '@rnnx/datasets';
import { expect } from 'chai';
import { requireData } from '../../support/data.js';
import { languageTaskOf, load, rejection, symbolsOf, tokensOf, useFolder } from '../../support/datasets.js';
import { useServer } from '../../support/file-server.js';

const needed = 'ptb-char/ptb.char.train.txt';
const splits = ['train', 'valid', 'test'] as const;
const words = { train: ' no it\n <unk> N \n', valid: ' it \n', test: ' no \n' };

describe('dataset ptb-char', () => {
  const folder = useFolder();
  const server = useServer();
  const here = () => ({ dataDir: folder.path });

  it('has the known counts and symbols', async function () {
    const data = await load('ptb-char', { dataDir: requireData(this, needed) });
    expect(splits.map((split) => tokensOf(data, split).length)).to.deep.equal([5_017_482, 393_042, 442_423]);
    const { vocabulary, start, metric, unit, detokenize } = languageTaskOf(data);
    expect(vocabulary.symbols).to.have.length(50);
    expect(vocabulary.symbols[start]).to.equal('\n');
    expect([metric, unit]).to.deep.equal(['bits-per-character', 'character']);
    const test = tokensOf(data, 'test');
    expect(test.filter((token) => token === vocabulary.indexOf('\n'))).to.have.length(3_761);
    expect(new Set(test).size).to.equal(48);
    expect(detokenize([...test.slice(0, 31)])).to.equal("no it was n't black monday\nbut ");
    expect(data.notes.join()).to.contain(ptbCharFiles.train.sha256).and.to.not.contain('derived');
  });

  it('derives the characters from the word files byte for byte', async function () {
    const source = requireData(this, needed);
    for (const split of splits) {
      const text = await readFile(join(source, 'ptb', ptbFiles[split].name), 'utf8');
      const derived = Buffer.from(characterFile(text));
      const original = await readFile(join(source, 'ptb-char', ptbCharFiles[split].name));
      expect(derived.equals(original), split).to.equal(true);
    }
  });

  it('is the same data from the word files, and says that it is derived', async function () {
    const source = requireData(this, needed);
    const original = await load('ptb-char', { dataDir: source });
    for (const { name } of Object.values(ptbFiles)) await copyFile(join(source, 'ptb', name), join(folder.path, name));
    const derived = await load('ptb-char', here());
    expect(languageTaskOf(derived).vocabulary.symbols).to.deep.equal(languageTaskOf(original).vocabulary.symbols);
    for (const split of splits)
      expect(
        Buffer.from(tokensOf(derived, split).buffer).equals(Buffer.from(tokensOf(original, split).buffer)),
      ).to.equal(true);
    expect(derived.notes.join('\n')).to.contain('derived from the word files').and.to.contain(ptbFiles.train.sha256);
  });

  it('downloads the word files where neither is there', async () => {
    for (const split of splits) server.files.set(`/d/${ptbFiles[split].name}`, words[split]);
    const options = { name: 'ptb-char', verify: false, source: `${server.origin}/d/` };
    const data = await load(options, { cacheDir: folder.path, offline: false });
    expect(symbolsOf(data, 'train').join('')).to.equal('no it\n<unk> N\n');
    expect(data.notes.join('\n')).to.contain(`${server.origin}/d/ptb.test.txt`).and.to.contain('derived');
    const offline = await rejection(() => load('ptb-char', here()));
    expect(offline.code).to.equal('RNNX_DATA_OFFLINE');
    expect(offline.details.remedy).to.contain('ptb.train.txt');
  });

  it('refuses a part of the files, and files that are others', async () => {
    await folder.write({ 'ptb-char/ptb.char.train.txt': 'a \n ' });
    const partial = await rejection(() => load('ptb-char', here()));
    expect(partial.code).to.equal('RNNX_DATA_MISSING');
    expect(partial.details.got).to.contain('ptb.char.valid.txt');
    await folder.write({ 'ptb-char/ptb.char.valid.txt': 'a \n ', 'ptb-char/ptb.char.test.txt': 'a \n ' });
    expect((await rejection(() => load('ptb-char', here()))).code).to.equal('RNNX_DATA_CHECKSUM');
    const data = await load({ name: 'ptb-char', verify: false }, here());
    expect(symbolsOf(data, 'test')).to.deep.equal(['a', '\n']);
  });

  it('refuses characters without spaces between them, with the offset', async () => {
    const ok = 'a _ é \n ';
    for (const [broken, offset, got] of [
      ['a _ éa \n ', 6, '"a"'],
      ['a _ é \n', 8, 'the end of the file'],
    ] as const) {
      await folder.write({ 'ptb.char.train.txt': ok, 'ptb.char.valid.txt': ok, 'ptb.char.test.txt': broken });
      const error = await rejection(() => load({ name: 'ptb-char', verify: false }, here()));
      expect(error.code).to.equal('RNNX_DATA_INVALID');
      expect(error.message).to.contain(`ptb.char.test.txt cannot be read at byte ${offset}`);
      expect(error.details.got).to.equal(got);
    }
  });

  it('writes prompts with spaces, as people do', async () => {
    await folder.write({
      'ptb.char.train.txt': characterFile(words.train),
      'ptb.char.valid.txt': characterFile(words.valid),
      'ptb.char.test.txt': characterFile(words.test),
    });
    const task = languageTaskOf(await load({ name: 'ptb-char', verify: false }, here()));
    expect(task.detokenize([...task.tokenize('it no\n')])).to.equal('it no\n');
    expect(task.vocabulary.indexOf('_')).to.equal(undefined);
  });
});
