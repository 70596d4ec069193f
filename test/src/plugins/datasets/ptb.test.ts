import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ptbFiles } from '@rnnx/datasets';
import { expect } from 'chai';
import { requireData } from '../../support/data.js';
import { languageTaskOf, load, rejection, symbolsOf, tokensOf, useFolder } from '../../support/datasets.js';
import { useServer } from '../../support/file-server.js';

const names = Object.values(ptbFiles).map(({ name }) => name);
const tiny = { 'ptb.train.txt': ' a b <unk> \n b N \n', 'ptb.valid.txt': ' a \n', 'ptb.test.txt': ' b \n' };

describe('dataset ptb', () => {
  const folder = useFolder();
  const server = useServer();
  const here = () => ({ dataDir: folder.path });

  it('has the known counts', async function () {
    const data = await load('ptb', { dataDir: requireData(this) });
    expect(tokensOf(data, 'train')).to.have.length(929_589);
    expect(tokensOf(data, 'valid')).to.have.length(73_760);
    expect(tokensOf(data, 'test')).to.have.length(82_430);
    const { vocabulary, start } = languageTaskOf(data);
    expect(vocabulary.symbols).to.have.length(10_000);
    expect(vocabulary.symbols[start]).to.equal('<eos>');
    expect(symbolsOf(data, 'train').slice(24, 30).join(' ')).to.equal('<eos> pierre <unk> N years old');
    const count = (symbol: string) => symbolsOf(data, 'train').filter((other) => other === symbol).length;
    expect(count('<unk>')).to.equal(45_020);
    expect(count('<eos>')).to.equal(42_068);
    expect(data.notes.join()).to.contain(ptbFiles.test.sha256).and.to.contain('LDC99T42');
  });

  it('is found in the folder itself as in its subfolder', async function () {
    const source = requireData(this);
    for (const name of names) await copyFile(join(source, 'ptb', name), join(folder.path, name));
    expect(tokensOf(await load('ptb', here()), 'valid')).to.have.length(73_760);
  });

  it('uses a cache filled before, and reads it offline', async function () {
    const source = requireData(this);
    await mkdir(join(folder.path, 'ptb'));
    for (const name of names) await copyFile(join(source, 'ptb', name), join(folder.path, 'ptb', name));
    expect(tokensOf(await load('ptb', { cacheDir: folder.path, offline: true }), 'test')).to.have.length(82_430);
  });

  it('refuses a local file that is another', async () => {
    await folder.write(tiny);
    const error = await rejection(() => load('ptb', here()));
    expect(error.code).to.equal('RNNX_DATA_CHECKSUM');
    expect(error.message).to.contain(join(folder.path, 'ptb.train.txt'));
    expect(error.details.expected).to.contain(ptbFiles.train.sha256);
    expect(error.details.remedy).to.contain('"verify"');
  });

  it('takes it when told so', async () => {
    await folder.write(tiny);
    const data = await load({ name: 'ptb', verify: false }, here());
    expect(symbolsOf(data, 'train').join(' ')).to.equal('a b <unk> <eos> b N <eos>');
  });

  it('names an unknown token of such files, with a remedy that this data set has', async () => {
    await folder.write({ ...tiny, 'ptb.test.txt': 'zebra\n' });
    const error = await rejection(() => load({ name: 'ptb', verify: false }, here()));
    expect(error.code).to.equal('RNNX_TOKEN_UNKNOWN');
    expect(error.details.remedy).to.contain('"text"');
  });

  it('does not mix a part of local files with downloads', async () => {
    await folder.write({ 'ptb/ptb.train.txt': 'a' });
    const error = await rejection(() => load('ptb', here()));
    expect(error.code).to.equal('RNNX_DATA_MISSING');
    expect(error.details.got).to.contain('ptb.valid.txt');
  });

  it('says when the data folder itself is not there', async () => {
    const error = await rejection(() => load('ptb', { dataDir: join(folder.path, 'nowhere') }));
    expect(error.code).to.equal('RNNX_DATA_MISSING');
    expect(error.details.remedy).to.contain('--data-dir');
  });

  it('says offline which files to put where', async () => {
    const error = await rejection(() => load('ptb', { ...here(), cacheDir: join(folder.path, 'cache') }));
    expect(error.code).to.equal('RNNX_DATA_OFFLINE');
    for (const name of names) expect(error.details.remedy).to.contain(name);
    expect(error.details.remedy)
      .to.contain('--data-dir')
      .and.to.contain(join(folder.path, 'cache', 'ptb'));
  });

  it('downloads once, then needs no server', async () => {
    for (const [name, text] of Object.entries(tiny)) server.files.set(`/ptb/${name}`, text);
    const options = { name: 'ptb', source: `${server.origin}/ptb/`, verify: false };
    const context = { cacheDir: join(folder.path, 'cache'), offline: false };
    await load(options, context);
    expect(server.requests).to.have.length(3);
    const again = await load(options, { ...context, offline: true });
    expect(symbolsOf(again, 'test').join(' ')).to.equal('b <eos>');
    expect(server.requests).to.have.length(3);
  });

  it('refuses a download that is another file and keeps nothing of it', async () => {
    for (const [name, text] of Object.entries(tiny)) server.files.set(`/${name}`, text);
    const options = { name: 'ptb', source: `${server.origin}/` };
    const context = { cacheDir: folder.path, offline: false };
    expect((await rejection(() => load(options, context))).code).to.equal('RNNX_DATA_CHECKSUM');
    expect((await rejection(() => load(options, { ...context, offline: true }))).code).to.equal('RNNX_DATA_OFFLINE');
  });

  it('wants a folder URL as source', async () => {
    const error = await rejection(async () => load({ name: 'ptb', source: 'file:///etc/' }));
    expect(error.code).to.equal('RNNX_CONFIG_INVALID');
  });
});
