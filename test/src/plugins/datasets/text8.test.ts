import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { text8File } from '@rnnx/datasets';
import { expect } from 'chai';
import { requireData } from '../../support/data.js';
import { languageTaskOf, load, rejection, symbolsOf, tokensOf, useFolder } from '../../support/datasets.js';
import { useServer } from '../../support/file-server.js';

const prefix = 'text8-first-3000000';
const sentence = 'the quick brown fox jumps over the lazy dog '.repeat(5); // 220 characters

/** A zip archive's first entry: local header and deflated content. */
function zip(content: string | Buffer, { method = 8, flags = 0 } = {}): Buffer {
  const header = Buffer.alloc(30);
  header.write('PK\x03\x04', 0, 'latin1');
  header.writeUInt16LE(flags, 6);
  header.writeUInt16LE(method, 8);
  header.writeUInt16LE(5, 26);
  return Buffer.concat([header, Buffer.from('text8'), deflateRawSync(content), Buffer.from('PK\x01\x02')]);
}

describe('dataset text8', () => {
  const folder = useFolder();
  const server = useServer();
  const here = () => ({ dataDir: folder.path });
  const lengths = (data: Awaited<ReturnType<typeof load>>) =>
    (['train', 'valid', 'test'] as const).map((split) => tokensOf(data, split).length);

  it('splits a prefix into 90, 5 and 5 %, and says so', async function () {
    const source = requireData(this, `text8/${prefix}`);
    const data = await load({ name: 'text8', path: prefix }, { dataDir: source });
    expect(lengths(data)).to.deep.equal([2_700_000, 150_000, 150_000]);
    const { vocabulary, start, metric } = languageTaskOf(data);
    expect(vocabulary.symbols.join('')).to.equal(' abcdefghijklmnopqrstuvwxyz');
    expect([vocabulary.symbols[start], metric]).to.deep.equal([' ', 'bits-per-character']);
    expect(new Set(tokensOf(data, 'train')).size).to.equal(27);
    expect(symbolsOf(data, 'train').slice(0, 21).join('')).to.equal(' anarchism originated');
    expect(data.notes.join('\n')).to.contain('a prefix of 3000000 characters').and.to.contain('not the usual split');

    const part = await load({ name: 'text8', path: `text8/${prefix}`, characters: 1000 }, { dataDir: source });
    expect(lengths(part)).to.deep.equal([900, 50, 50]);
    expect(part.notes.join('\n')).to.contain('a prefix of 1000 characters');
  });

  it('keeps every character in order', async () => {
    await folder.write({ text8: sentence });
    const data = await load({ name: 'text8', verify: false }, here());
    expect(lengths(data)).to.deep.equal([198, 11, 11]);
    const all = (['train', 'valid', 'test'] as const).map((split) => symbolsOf(data, split).join(''));
    expect(all.join('')).to.equal(sentence);
  });

  it('splits the whole of it into 90, 5 and 5 million', async () => {
    await folder.write({ text8: Buffer.alloc(text8File.characters, 'ab ') });
    const data = await load({ name: 'text8', verify: false }, here());
    expect(lengths(data)).to.deep.equal([90_000_000, 5_000_000, 5_000_000]);
    expect(data.notes.join('\n')).to.contain('90, 5 and 5 million').and.to.not.contain('prefix');
    // By a name of its own it is known by its length, and has the same checksum to match.
    const error = await rejection(() => load({ name: 'text8', path: 'text8' }, here()));
    expect(error.code).to.equal('RNNX_DATA_CHECKSUM');
    expect(error.details.expected).to.contain(text8File.sha256);
  });

  it('refuses a file of that name that is another', async () => {
    await folder.write({ 'text8/text8': sentence });
    const error = await rejection(() => load('text8', here()));
    expect(error.code).to.equal('RNNX_DATA_CHECKSUM');
    expect(error.details.remedy).to.contain('"verify"');
  });

  it('refuses other characters, with the offset', async () => {
    for (const [text, byte, at] of [
      [`${sentence}\n`, '0x0a', 220],
      [`Z${sentence}`, '0x5a', 0],
      [`a\`${sentence}`, '0x60', 1],
      [`ab{${sentence}`, '0x7b', 2],
    ] as const) {
      await folder.write({ short: text });
      const error = await rejection(() => load({ name: 'text8', path: 'short' }, here()));
      expect(error.code).to.equal('RNNX_DATA_INVALID');
      expect(error.message).to.contain(`at byte ${at}`);
      expect(error.details.got).to.equal(`byte ${byte}`);
    }
  });

  it('refuses what is too short, and more characters than there are', async () => {
    await folder.write({ short: sentence.slice(0, 19) });
    expect((await rejection(() => load({ name: 'text8', path: 'short' }, here()))).code).to.equal('RNNX_DATA_EMPTY');
    const error = await rejection(() => load({ name: 'text8', path: 'short', characters: 20 }, here()));
    expect(error.code).to.equal('RNNX_OPTION_INVALID');
    expect(error.details.expected).to.equal('at most 19');
  });

  it('says when a named file is not there', async () => {
    const error = await rejection(() => load({ name: 'text8', path: 'nowhere' }, here()));
    expect(error.code).to.equal('RNNX_DATA_MISSING');
    expect(error.message).to.contain(join(folder.path, 'nowhere'));
  });

  describe('as a zip archive', () => {
    it('is read from the data folder and from a server', async () => {
      await folder.write({ 'text8.zip': zip(sentence) });
      expect(lengths(await load({ name: 'text8', verify: false }, here()))).to.deep.equal([198, 11, 11]);
      server.files.set('/dc/text8.zip', zip(sentence));
      const options = { name: 'text8', verify: false, source: `${server.origin}/dc/` };
      const context = { cacheDir: folder.path, offline: false };
      expect(symbolsOf(await load(options, context), 'train').join('')).to.equal(sentence.slice(0, 198));
      await load(options, { ...context, offline: true });
      expect(server.requests).to.have.length(1);
    });

    it('is refused where it is another, and nothing of it is kept', async () => {
      server.files.set('/text8.zip', zip(sentence));
      const context = { cacheDir: folder.path, offline: false };
      const options = { name: 'text8', source: `${server.origin}/` };
      const error = await rejection(() => load(options, context));
      expect(error.code).to.equal('RNNX_DATA_CHECKSUM');
      expect(error.details.expected).to.contain(text8File.zipSha256);
      const offline = await rejection(() => load(options, { ...context, offline: true }));
      expect(offline.code).to.equal('RNNX_DATA_OFFLINE');
      expect(offline.details.remedy).to.contain('"path"');
    });

    it('is refused where it is damaged, cut short or stored in another way', async () => {
      const whole = zip(sentence);
      const damaged = Buffer.from(whole);
      damaged.fill(0xff, 40, 60);
      for (const [content, at] of [
        [damaged, 35],
        [whole.subarray(0, 60), 35],
        [whole.subarray(0, 20), 20],
        [zip(sentence, { method: 0 }), 8],
        [zip(sentence, { flags: 1 }), 8],
      ] as const) {
        await folder.write({ 'text8.zip': content });
        const error = await rejection(() => load({ name: 'text8', verify: false }, here()));
        expect(error.code).to.equal('RNNX_DATA_INVALID');
        expect(error.message).to.contain(`at byte ${at}\n`);
      }
    });

    it('is refused where it inflates without bound', async () => {
      await folder.write({ 'text8.zip': zip(Buffer.alloc(text8File.characters + 1, 97)) });
      const error = await rejection(() => load({ name: 'text8', verify: false }, here()));
      expect(error.code).to.equal('RNNX_DATA_UNSAFE');
      expect(error.details.expected).to.contain(String(text8File.characters));
    });
  });
});
