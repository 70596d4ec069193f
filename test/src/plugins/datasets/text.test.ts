import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { expect } from 'chai';
import { dataFolder, requireData } from '../../support/data.js';
import { languageTaskOf, load, rejection, symbolsOf, tokensOf, useFolder } from '../../support/datasets.js';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe('dataset text', () => {
  const folder = useFolder();
  const here = () => ({ dataDir: folder.path });
  const three = { train: 'train.txt', valid: 'valid.txt', test: 'test.txt' };

  describe('words', () => {
    it('end each line with <eos>, the last one without a newline too', async () => {
      await folder.write({ 'train.txt': ' the cat\tsat \r\n\nthe dog', 'valid.txt': 'cat\n', 'test.txt': 'dog sat\n' });
      const data = await load({ name: 'text', path: '.' }, here());
      expect(symbolsOf(data, 'train')).to.deep.equal(['the', 'cat', 'sat', '<eos>', '<eos>', 'the', 'dog', '<eos>']);
      expect(symbolsOf(data, 'test')).to.deep.equal(['dog', 'sat', '<eos>']);
      const task = languageTaskOf(data);
      // By frequency, then by first appearance.
      expect(task.vocabulary.symbols).to.deep.equal(['<eos>', 'the', 'cat', 'sat', 'dog']);
      expect(task.start).to.equal(task.vocabulary.indexOf('<eos>'));
      expect(task.metric).to.equal('perplexity');
    });

    it('have no <eos> where that is switched off; a split then starts after the most frequent word', async () => {
      await folder.write({ 'train.txt': 'b a a\nb a', 'valid.txt': 'a\n', 'test.txt': 'b\n' });
      const data = await load({ name: 'text', path: '.', eos: false }, here());
      expect(symbolsOf(data, 'train')).to.deep.equal(['b', 'a', 'a', 'b', 'a']);
      expect(languageTaskOf(data).vocabulary.symbols[languageTaskOf(data).start]).to.equal('a');
    });

    it('keep their case unless told otherwise', async () => {
      await folder.write({ 'train.txt': 'The the', 'valid.txt': 'the', 'test.txt': 'The' });
      expect(symbolsOf(await load({ name: 'text', path: '.' }, here()), 'train')).to.include('The');
      const lower = await load({ name: 'text', path: '.', lowercase: true }, here());
      expect(symbolsOf(lower, 'train')).to.deep.equal(['the', 'the', '<eos>']);
      expect([...languageTaskOf(lower).tokenize('THE')]).to.deep.equal([
        languageTaskOf(lower).vocabulary.indexOf('the'),
      ]);
    });

    it('go from prompt to tokens and back to text', async () => {
      await folder.write({ 'train.txt': 'a b\nb c\n', 'valid.txt': 'a', 'test.txt': 'a' });
      const task = languageTaskOf(await load({ name: 'text', path: '.' }, here()));
      const tokens = task.tokenize('a b\nc');
      expect([...tokens].map((token) => task.vocabulary.symbols[token])).to.deep.equal(['a', 'b', '<eos>', 'c']);
      expect(task.detokenize([...tokens])).to.equal('a b\nc');
      const error = await rejection(async () => task.tokenize('a\nb zebra'));
      expect(error.code).to.equal('RNNX_TOKEN_UNKNOWN');
      expect(error.details.got).to.equal('"zebra" in the prompt, line 2, token 2');
      expect((await rejection(async () => task.detokenize([99]))).code).to.equal('RNNX_TOKEN_UNKNOWN');
    });
  });

  describe('characters', () => {
    it('are code points with the newline among them', async () => {
      await folder.write({ 'train.txt': 'né\n😀é', 'valid.txt': 'é', 'test.txt': 'n\n' });
      const data = await load({ name: 'text', path: '.', unit: 'character' }, here());
      expect(symbolsOf(data, 'train')).to.deep.equal(['n', 'é', '\n', '😀', 'é']);
      const task = languageTaskOf(data);
      expect(task.metric).to.equal('bits-per-character');
      expect(task.start).to.equal(task.vocabulary.indexOf('\n'));
      expect(task.detokenize([...task.tokenize('😀\nn')])).to.equal('😀\nn');
    });

    it('may be written with spaces between them, as in the character form of the Penn Treebank', async () => {
      await folder.write({ 'train.txt': 'a b _ \n a', 'valid.txt': 'a', 'test.txt': 'b' });
      const data = await load({ name: 'text', path: '.', metric: 'bits-per-character' }, here());
      expect(symbolsOf(data, 'train')).to.deep.equal(['a', 'b', '_', '<eos>', 'a', '<eos>']);
      expect(languageTaskOf(data).metric).to.equal('bits-per-character');
    });
  });

  describe('tokens that train never shows', () => {
    const files = { 'train.txt': 'a a b\n', 'valid.txt': 'a\na  zebra\n', 'test.txt': 'b\n' };

    it('are errors that name token and place', async () => {
      await folder.write(files);
      const error = await rejection(() => load({ name: 'text', ...three }, here()));
      expect(error.code).to.equal('RNNX_TOKEN_UNKNOWN');
      expect(error.details.got).to.equal('"zebra" in valid.txt, line 2, token 2');
      expect(error.details.remedy).to.contain('"unknown" to "map"');
    });

    it('become <unk> by option, in splits and prompts', async () => {
      await folder.write(files);
      const data = await load({ name: 'text', ...three, unknown: 'map' }, here());
      expect(symbolsOf(data, 'valid')).to.deep.equal(['a', '<eos>', 'a', '<unk>', '<eos>']);
      const task = languageTaskOf(data);
      expect([...task.tokenize('lion')]).to.deep.equal([task.vocabulary.indexOf('<unk>')]);
    });
  });

  describe('vocabularySize', () => {
    const files = { 'train.txt': 'a a a b b c\nd\n', 'valid.txt': 'a c\n', 'test.txt': 'd\n' };

    it('keeps the most frequent symbols; the rest become <unk>', async () => {
      await folder.write(files);
      const data = await load({ name: 'text', ...three, vocabularySize: 4 }, here());
      expect(symbolsOf(data, 'train').join(' ')).to.equal('a a a b b <unk> <eos> <unk> <eos>');
      expect(symbolsOf(data, 'valid').join(' ')).to.equal('a <unk> <eos>');
      expect(languageTaskOf(data).vocabulary.symbols).to.have.members(['a', 'b', '<eos>', '<unk>']);
    });

    it('changes nothing where all symbols fit', async () => {
      await folder.write(files);
      const data = await load({ name: 'text', ...three, vocabularySize: 5 }, here());
      expect(languageTaskOf(data).vocabulary.symbols).to.deep.equal(['a', 'b', '<eos>', 'c', 'd']);
    });

    it('still refuses what train never shows, unless mapped', async () => {
      await folder.write({ ...files, 'valid.txt': 'c zebra' });
      const options = { name: 'text', ...three, vocabularySize: 4 };
      expect((await rejection(() => load(options, here()))).details.got).to.contain('"zebra"');
      const mapped = await load({ ...options, unknown: 'map' }, here());
      expect(symbolsOf(mapped, 'valid').join(' ')).to.equal('<unk> <unk> <eos>');
    });
  });

  describe('one file', () => {
    it('is cut at line ends, nothing lost', async () => {
      const lines = Array.from({ length: 100 }, (_, i) => `w${i % 5} x y`);
      await folder.write({ 'all.txt': `${lines.join('\n')}\n` });
      const data = await load({ name: 'text', path: 'all.txt', validFraction: 0.2, testFraction: 0.1 }, here());
      const [train, valid, test] = [symbolsOf(data, 'train'), symbolsOf(data, 'valid'), symbolsOf(data, 'test')];
      expect([...train, ...valid, ...test]).to.deep.equal(lines.flatMap((line) => [...line.split(' '), '<eos>']));
      for (const split of [train, valid, test]) expect(split.at(-1)).to.equal('<eos>');
      expect(valid.length).to.be.closeTo(80, 4);
      expect(test.length).to.be.closeTo(40, 4);
    });

    it('of one line is cut between words', async () => {
      await folder.write({ 'all.txt': 'aa bb '.repeat(50) });
      const data = await load({ name: 'text', path: 'all.txt', eos: false, testFraction: 0.2 }, here());
      const sizes = (['train', 'valid', 'test'] as const).map((split) => tokensOf(data, split).length);
      expect(sizes.reduce((a, b) => a + b)).to.equal(100);
      expect(languageTaskOf(data).vocabulary.symbols).to.deep.equal(['aa', 'bb']);
    });

    it('of characters is cut where the fraction says, never inside a code point', async () => {
      await folder.write({ 'all.txt': '😀'.repeat(30) });
      const options = { name: 'text', path: 'all.txt', unit: 'character', validFraction: 0.11, testFraction: 0.15 };
      const data = await load(options, here());
      expect(languageTaskOf(data).vocabulary.symbols).to.deep.equal(['😀']);
      expect(tokensOf(data, 'train').length + tokensOf(data, 'valid').length + tokensOf(data, 'test').length).to.equal(
        30,
      );
    });
  });

  describe('where the files are', () => {
    it('finds the splits of a folder by their names', async () => {
      await folder.write({
        'wiki.train.tokens': 'a b',
        'dev.txt': 'a',
        'x-test': 'b',
        'readme.md': 'trained on tests',
      });
      const data = await load({ name: 'text' }, here());
      expect(symbolsOf(data, 'valid')).to.deep.equal(['a', '<eos>']);
      expect(symbolsOf(data, 'test')).to.deep.equal(['b', '<eos>']);
    });

    it('prefers the subfolder "text" of the data folder', async () => {
      await folder.write({ 'text/train.txt': 'a', 'text/valid.txt': 'a', 'text/test.txt': 'a', 'train.txt': 'b' });
      expect(symbolsOf(await load('text', here()), 'train')).to.deep.equal(['a', '<eos>']);
    });

    it('says where a text came from, with its checksum', async () => {
      await folder.write({ 'train.txt': 'a', 'valid.txt': 'a', 'test.txt': 'a' });
      const { notes } = await load({ name: 'text', ...three }, here());
      expect(notes[0]).to.equal(`train: train.txt, 1 bytes, SHA-256 ${sha256('a')}`);
      expect(notes.at(-1)).to.contain('licence');
    });

    it('drops a byte order mark', async () => {
      await folder.write({ 'train.txt': '\ufeffa', 'valid.txt': 'a', 'test.txt': 'a' });
      expect(symbolsOf(await load({ name: 'text', ...three }, here()), 'train')).to.deep.equal(['a', '<eos>']);
    });
  });

  describe('refuses', () => {
    const good = { 'train.txt': 'a', 'valid.txt': 'a', 'test.txt': 'a' };
    const codeOf = async (options: object) =>
      (await rejection(async () => load({ name: 'text', ...options }, here()))).code;

    it('a missing file, naming it', async () => {
      const error = await rejection(() => load({ name: 'text', ...three }, here()));
      expect(error.code).to.equal('RNNX_DATA_MISSING');
      expect(error.message).to.contain(join(folder.path, 'train.txt'));
      expect(error.details.remedy).to.contain('--data-dir');
    });

    it('a folder in the place of a file', async () => {
      await folder.write({ ...good, 'sub/x': '' });
      expect(await codeOf({ ...three, test: 'sub' })).to.equal('RNNX_DATA_MISSING');
    });

    it('a folder that lacks a split or has it twice', async () => {
      await folder.write({ 'train.txt': 'a', 'valid.txt': 'a' });
      const lacking = await rejection(() => load({ name: 'text', path: '.' }, here()));
      expect(lacking.code).to.equal('RNNX_DATA_MISSING');
      expect(lacking.message).to.contain('no test file');
      await folder.write({ 'test.txt': 'a', 'big.train.txt': 'a' });
      const twice = await rejection(() => load({ name: 'text', path: '.' }, here()));
      expect(twice.details.got).to.equal('big.train.txt, train.txt');
    });

    it('to guess which text', async () => {
      expect((await rejection(() => load('text'))).code).to.equal('RNNX_DATA_MISSING');
    });

    for (const split of ['train', 'valid', 'test'])
      it(`an empty ${split} split, blank lines included`, async () => {
        await folder.write({ ...good, [`${split}.txt`]: ' \n\n' });
        const error = await rejection(() => load({ name: 'text', ...three }, here()));
        expect(error.code).to.equal('RNNX_DATA_EMPTY');
        expect(error.message).to.contain(`${split}.txt`);
      });

    it('a file too short to cut', async () => {
      await folder.write({ 'all.txt': 'word' });
      expect(await codeOf({ path: 'all.txt' })).to.equal('RNNX_DATA_EMPTY');
    });

    for (const [what, bytes, offset] of [
      ['a stray continuation byte', [0x61, 0x0a, 0x80, 0x62], 2],
      ['Latin-1', [0x63, 0x61, 0x66, 0xe9, 0x0a, 0x61], 3],
      ['a sequence cut off at the end', [0x61, 0xc3], 1],
      ['a surrogate', [0xc3, 0xa9, 0xed, 0xa0, 0x80], 2],
      ['an overlong form', [0x61, 0xf0, 0x9f, 0x98, 0x80, 0xc0, 0xaf], 5],
    ] as const)
      it(`text that is not UTF-8: ${what}`, async () => {
        await folder.write({ ...good, 'valid.txt': Uint8Array.from(bytes) });
        const error = await rejection(() => load({ name: 'text', ...three }, here()));
        expect(error.code).to.equal('RNNX_DATA_ENCODING');
        expect(error.details.got).to.contain(`offset ${offset} `);
      });

    it('a file with another checksum', async () => {
      await folder.write(good);
      await load({ name: 'text', ...three, sha256: { train: sha256('a').toUpperCase() } }, here());
      const options = { name: 'text', ...three, sha256: { test: sha256('b') } };
      const error = await rejection(() => load(options, here()));
      expect(error.code).to.equal('RNNX_DATA_CHECKSUM');
      expect(error.details.got).to.contain(sha256('a'));
      expect(error.details.expected).to.contain(sha256('b'));
    });

    const hash = sha256('a');
    for (const [what, options] of [
      ['a part of the splits', { train: 'train.txt', test: 'test.txt' }],
      ['path and splits', { ...three, path: '.' }],
      ['fractions with splits', { ...three, validFraction: 0.1 }],
      ['fractions with a folder', { path: '.', testFraction: 0.1 }],
      ['fractions that leave nothing', { path: 'train.txt', validFraction: 0.5, testFraction: 0.5 }],
      ['a checksum of the path without path', { ...three, sha256: { path: hash } }],
      ['a checksum of a split without splits', { path: 'train.txt', sha256: { valid: hash } }],
      ['a checksum of a folder', { path: '.', sha256: { path: hash } }],
      ['<eos> with characters', { path: '.', unit: 'character', eos: true }],
    ] as const)
      it(`options that do not go together: ${what}`, async () => {
        await folder.write(good);
        expect(await codeOf(options)).to.equal('RNNX_OPTION_CONFLICT');
      });

    for (const options of [
      { unit: 'byte' },
      { vocabularySize: 1 },
      { validFraction: 0 },
      { testFraction: 1 },
      { unknown: 'ignore' },
      { sha256: { train: 'abc' } },
      { lower: true },
    ])
      it(`options outside the schema: ${JSON.stringify(options)}`, async () => {
        expect(await codeOf({ path: '.', ...options })).to.equal('RNNX_CONFIG_INVALID');
      });
  });

  describe('real corpora', () => {
    it('has the published counts of WikiText-2', async function () {
      const data = await load(
        { name: 'text', path: 'wikitext-2' },
        { dataDir: requireData(this, 'wikitext-2/wiki.train.tokens') },
      );
      expect(languageTaskOf(data).vocabulary.symbols).to.have.length(33_278);
      expect(tokensOf(data, 'train')).to.have.length(2_088_628);
      expect(tokensOf(data, 'valid')).to.have.length(217_646);
      expect(tokensOf(data, 'test')).to.have.length(245_569);
    });

    it('has the known counts of the Penn Treebank by characters', async function () {
      const dataDir = requireData(this, 'ptb-char/ptb.char.train.txt');
      const data = await load({ name: 'text', path: 'ptb-char', metric: 'bits-per-character' }, { dataDir });
      expect(languageTaskOf(data).vocabulary.symbols).to.have.length(50);
      expect(tokensOf(data, 'train')).to.have.length(5_017_482);
      expect(tokensOf(data, 'valid')).to.have.length(393_042);
      expect(tokensOf(data, 'test')).to.have.length(442_423);
    });

    it('reads plain characters', async function () {
      const dataDir = requireData(this, 'text8/text8-first-3000000');
      const data = await load({ name: 'text', path: 'text8/text8-first-3000000', unit: 'character' }, { dataDir });
      expect(languageTaskOf(data).vocabulary.symbols).to.have.length(27);
      expect(tokensOf(data, 'train')).to.have.length(2_700_000);
    });
  });
});

describe('finder of real data', () => {
  it('knows nothing of data that is not there', () => {
    expect(dataFolder('no/such/file')).to.equal(undefined);
  });
});
