import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { wikiText2Files } from '@rnnx/datasets';
import { expect } from 'chai';
import { requireData } from '../../support/data.js';
import { languageTaskOf, load, rejection, symbolsOf, tokensOf, useFolder } from '../../support/datasets.js';
import { useServer } from '../../support/file-server.js';

const needed = 'wikitext-2/wiki.train.tokens';
const splits = ['train', 'valid', 'test'] as const;

describe('dataset wikitext-2', () => {
  const folder = useFolder();
  const server = useServer();

  it('has the official counts', async function () {
    const data = await load('wikitext-2', { dataDir: requireData(this, needed) });
    expect(splits.map((split) => tokensOf(data, split).length)).to.deep.equal([2_088_628, 217_646, 245_569]);
    const { vocabulary, start, metric } = languageTaskOf(data);
    expect(vocabulary.symbols).to.have.length(33_278);
    expect(vocabulary.symbols[start]).to.equal('<eos>');
    expect(metric).to.equal('perplexity');
    const train = tokensOf(data, 'train');
    const count = (symbol: string) => train.filter((token) => token === vocabulary.indexOf(symbol)).length;
    expect(count('<eos>')).to.equal(36_718);
    expect(count('<unk>')).to.equal(54_625);
    // A blank line is an <eos> of its own, and case is kept.
    expect([...train.slice(0, 8)].map((token) => vocabulary.symbols[token]).join(' ')).to.equal(
      '<eos> = Valkyria Chronicles III = <eos> <eos>',
    );
    expect(data.notes.join()).to.contain(wikiText2Files.train.sha256).and.to.contain('ShareAlike');
  });

  it('takes the files from the data folder itself too', async function () {
    const source = requireData(this, needed);
    for (const split of splits) {
      const { name } = wikiText2Files[split];
      await copyFile(join(source, 'wikitext-2', name), join(folder.path, name));
    }
    expect(tokensOf(await load('wikitext-2', { dataDir: folder.path }), 'valid')).to.have.length(217_646);
  });

  it('downloads under the names of the source, then needs no server', async () => {
    for (const split of splits) server.files.set(`/w/${split}.txt`, ' The <unk> Ünï – \n \n');
    const options = { name: 'wikitext-2', source: `${server.origin}/w/`, verify: false };
    const context = { cacheDir: folder.path, offline: false };
    const data = await load(options, context);
    expect(symbolsOf(data, 'test')).to.deep.equal(['The', '<unk>', 'Ünï', '–', '<eos>', '<eos>']);
    expect(server.requests.map(({ path }) => path)).to.deep.equal(['/w/train.txt', '/w/valid.txt', '/w/test.txt']);
    await load(options, { ...context, offline: true });
    expect(server.requests).to.have.length(3);
  });

  it('finds a cache that was filled by hand, under the official names', async function () {
    const source = requireData(this, needed);
    await mkdir(join(folder.path, 'wikitext-2'));
    for (const split of splits) {
      const { name } = wikiText2Files[split];
      await copyFile(join(source, 'wikitext-2', name), join(folder.path, 'wikitext-2', name));
    }
    const cached = await load('wikitext-2', { cacheDir: folder.path });
    expect(tokensOf(cached, 'test')).to.have.length(245_569);
  });

  it('refuses files that are others, incomplete, or not there', async () => {
    await folder.write({ 'wiki.train.tokens': 'a', 'wiki.valid.tokens': 'a' });
    const partial = await rejection(() => load('wikitext-2', { dataDir: folder.path }));
    expect(partial.code).to.equal('RNNX_DATA_MISSING');
    expect(partial.details.got).to.contain('wiki.test.tokens');
    await folder.write({ 'wiki.test.tokens': 'a' });
    const other = await rejection(() => load('wikitext-2', { dataDir: folder.path }));
    expect(other.code).to.equal('RNNX_DATA_CHECKSUM');
    expect(other.details.expected).to.contain(wikiText2Files.train.sha256);
    const absent = await rejection(() => load('wikitext-2'));
    expect(absent.code).to.equal('RNNX_DATA_OFFLINE');
    for (const split of splits) expect(absent.details.remedy).to.contain(wikiText2Files[split].name);
  });

  it('names a word of test that train lacks', async () => {
    await folder.write({ 'wiki.train.tokens': 'a', 'wiki.valid.tokens': 'a', 'wiki.test.tokens': 'a\na zebra' });
    const error = await rejection(() => load({ name: 'wikitext-2', verify: false }, { dataDir: folder.path }));
    expect(error.code).to.equal('RNNX_TOKEN_UNKNOWN');
    expect(error.details.got).to.contain('line 2');
  });
});
