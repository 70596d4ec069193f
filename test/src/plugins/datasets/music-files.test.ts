import { deflateSync } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import { load, rejection, useFolder } from '../../support/datasets.js';
import {
  matArray,
  matCompressed,
  matElement,
  matHeader,
  matSplit,
  musicJson,
  musicMat,
  musicPickle0,
  musicPickle2,
  tinyMusic,
} from '../../support/music-files.js';

describe('music files', () => {
  const folder = useFolder();

  async function read(content: string | Uint8Array) {
    await folder.write({ music: content });
    return load({ name: 'nottingham', path: 'music', chunk: null }, { dataDir: folder.path });
  }

  /** Refused with a code, at a byte, with what came. */
  async function refused(content: string | Uint8Array, code: string, at: number | string, got: RegExp): Promise<void> {
    const error = await rejection(() => read(content));
    expect(`${error.code} ${error.message}`).to.contain(code);
    expect(error.message.split('\n')[0]).to.match(new RegExp(`at byte ${at}$`));
    expect(error.details.got).to.match(got);
    expect(error.details.expected, 'expected').to.not.equal(undefined);
    expect(error.details.remedy, 'remedy').to.not.equal(undefined);
  }

  const invalid = (content: string | Uint8Array, at: number | string, got: RegExp) =>
    refused(content, 'RNNX_DATA_INVALID', at, got);
  const unsafe = (content: string | Uint8Array, at: number | string, got: RegExp) =>
    refused(content, 'RNNX_DATA_UNSAFE', at, got);

  it('cut short anywhere are refused, and never read as less music', async () => {
    for (const whole of [musicMat(), musicMat(tinyMusic, { compressed: false }), musicPickle2(), musicPickle0()]) {
      const bytes = Buffer.from(whole as string, 'latin1');
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: bytes.length - 1 }), async (length) => {
          const { code } = await rejection(() => read(bytes.subarray(0, length)));
          expect(code).to.equal('RNNX_DATA_INVALID');
        }),
        { numRuns: 40 },
      );
    }
  });

  it('with flipped bytes give music or a coded error, never anything else', async () => {
    for (const whole of [musicMat(tinyMusic, { compressed: false }), musicPickle2(), Buffer.from(musicJson())])
      await fc.assert(
        fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), async (at, value) => {
          const damaged = Buffer.from(whole);
          damaged[at] = value;
          try {
            await read(damaged);
          } catch (error) {
            expect((error as { code?: string }).code).to.match(/^RNNX_DATA_(INVALID|UNSAFE|EMPTY)$/);
          }
        }),
        { numRuns: 100 },
      );
  });

  describe('of MATLAB', () => {
    const plain = { compressed: false } as const;
    const file = (...variables: Buffer[]) => Buffer.concat([matHeader(), ...variables]);
    const rest = [matSplit('validdata', tinyMusic.valid), matSplit('testdata', tinyMusic.test)];
    const number = matElement(9, Buffer.from(Float64Array.of(1).buffer));
    const cell = (content: Buffer, dimensions = [1, 1]) => matArray(1, dimensions, 'traindata', content);

    it('may be compressed or not, with values as bytes or doubles', async () => {
      const contents = [];
      for (const compressed of [true, false])
        for (const storage of [2, 9] as const)
          contents.push((await read(musicMat(tinyMusic, { compressed, storage }))).splits);
      for (const splits of contents) expect(splits).to.deep.equal(contents[0]);
    });

    it('are refused with a value that is neither 0 nor 1, by its byte', async () => {
      const ones = musicMat(tinyMusic, plain);
      for (const [storage, first] of [
        [2, 2],
        [9, 0.5],
        [9, Number.NaN],
      ] as const) {
        const mat = musicMat(tinyMusic, { ...plain, storage, first });
        const reference = storage === 2 ? ones : musicMat(tinyMusic, { ...plain, storage });
        const changed = mat.findIndex((byte, i) => byte !== reference[i]);
        await invalid(mat, changed - (changed % 8), new RegExp(`the value ${first} at step 0, column 0`));
      }
      await invalid(musicMat(tinyMusic, { first: 7 }), '\\d+ of what is compressed at byte \\d+', /the value 7/);
    });

    it('are refused with matrices of another width, or without steps', async () => {
      await invalid(musicMat({ ...tinyMusic, train: [[[60]]] }, { ...plain, columns: 87 }), '\\d+', /1 x 87/);
      await invalid(musicMat({ ...tinyMusic, valid: [[]] }, plain), '\\d+', /0 x 88/);
    });

    it('are refused without one of the splits, or with an empty one', async () => {
      const partial = file(matSplit('traindata', tinyMusic.train), rest[0]!);
      await invalid(partial, partial.length, /no variable "testdata"/);
      const { code } = await rejection(() => read(musicMat({ ...tinyMusic, test: [] })));
      expect(code).to.equal('RNNX_DATA_EMPTY');
    });

    it('are refused with another version or byte order', async () => {
      for (const [at, value, got] of [
        [125, 2, /version 0x200/],
        [126, 'M'.charCodeAt(0), /order "MM"/],
      ] as const) {
        const mat = musicMat();
        mat[at] = value;
        await invalid(mat, 124, got);
      }
    });

    it('are refused with other arrays in the place of cells of matrices', async () => {
      await invalid(file(matArray(6, [1, 1], 'traindata', number), ...rest), 128, /array class 6 for "traindata"/);
      await invalid(file(cell(matArray(1, [1, 1], '', Buffer.alloc(0))), ...rest), '\\d+', /cell of array class 1/);
      await invalid(file(cell(matArray(0x0806, [1, 1], '', number))), '\\d+', /complex/);
      await invalid(file(cell(matArray(6, [1, 88, 1], '', number))), '\\d+', /3 dimensions/);
      await invalid(file(cell(matArray(6, [2, 88], '', number))), '\\d+', /8 bytes/);
      await invalid(file(cell(matArray(6, [1, 1], '', matElement(12, Buffer.alloc(8))))), '\\d+', /storage type 12/);
      await invalid(file(cell(matArray(6, [-1, 88], '', number))), '\\d+', /dimensions -1 x 88/);
      await invalid(file(cell(matArray(6, [1, 1], '', number), [1, 2])), '\\d+', /1 cells of "traindata"/);
      await invalid(file(matElement(9, Buffer.alloc(8))), 128, /data type 9/);
      await invalid(file(matElement(14, matElement(5, Buffer.alloc(8)))), 136, /8 bytes of type 5/);
    });

    it('are refused with elements that reach beyond their end', async () => {
      const long = matElement(14, Buffer.alloc(8));
      long.writeUInt32LE(0x7fffffff, 4);
      await invalid(file(long), 128, /8 bytes to the end/);
      const small = Buffer.alloc(8);
      small.writeUInt32LE(0x00050001, 0);
      await invalid(file(small), 128, /small element of 5 bytes/);
    });

    it('are refused with a damaged stream, or one that inflates without bound', async () => {
      const broken = matCompressed(matSplit('traindata', tinyMusic.train));
      broken.fill(0xff, 12, 30);
      await invalid(file(broken), 136, /./);
      // 257 MiB of zeros are 260 kB when compressed.
      const bomb = deflateSync(Buffer.alloc(257 * 2 ** 20), { level: 1 });
      const tag = Buffer.alloc(8);
      tag.writeUInt32LE(15, 0);
      tag.writeUInt32LE(bomb.length, 4);
      await unsafe(file(tag, bomb), 136, /more than 268435456 bytes/);
    });
  });

  describe('of Python', () => {
    const bytes = (text: string) => Buffer.from(text, 'latin1');

    it('may be of protocol 0, or of protocol 2 with scalars of numpy', async () => {
      const json = (await read(musicJson())).splits;
      expect((await read(bytes(musicPickle0()))).splits).to.deep.equal(json);
      expect((await read(musicPickle2())).splits).to.deep.equal(json);
    });

    it('may share lists, and hold integers and strings in all their forms', async () => {
      // Numbers 60 as INT, LONG, BININT, BININT1, BININT2, LONG1; keys as STRING, UNICODE, BINUNICODE.
      const numbers = ['I60\n', 'L60L\n', 'J\x3c\0\0\0', 'K\x3c', 'M\x3c\0', '\x8a\x01\x3c'];
      const steps = `](${numbers.map((number) => `${number}\x85`).join('')}eq\x05`; // one note a step
      const keys = ["S'tr\\x61in'\n", 'Vvalid\n', 'X\x04\0\0\0test'];
      const pieces = `](${steps}h\x05e`;
      const again = '](h\x05e';
      const data = await read(bytes(`\x80\x02}(${keys[0]}${pieces}${keys[1]}${again}${keys[2]}${again}u.`));
      const expected = { train: [1, 2].map(() => numbers.map(() => [60])) };
      const same = await read(musicJson({ ...expected, valid: [expected.train[0]!], test: [expected.train[0]!] }));
      expect(data.splits).to.deep.equal(same.splits);
    });

    it('are refused with any global but the two of numpy, by name and byte', async () => {
      await unsafe("cos\nsystem\n(S'touch x'\ntR.", 0, /global os\.system/);
      await unsafe(`(S'train'\ncos\nsystem\n(S'touch x'\ntRs.`, 10, /global os\.system/);
      for (const name of ['__builtin__\neval', 'builtins\nexec', 'copy_reg\n_reconstructor', 'numpy\nload'])
        await unsafe(bytes(`\x80\x02c${name}\n.`), 2, new RegExp(`global ${name.replace('\n', '\\.')}`));
      await unsafe(bytes('\x80\x02cnumpy.core.multiarray\n_reconstruct\n.'), 2, /_reconstruct/);
      await unsafe(bytes('\x80\x02c__proto__\nconstructor\n.'), 2, /global __proto__\.constructor/);
    });

    it('are refused with opcodes that make objects', async () => {
      for (const [opcode, name] of [
        ['i', 'INST'],
        ['o', 'OBJ'],
        ['P', 'PERSID'],
        ['Q', 'BINPERSID'],
        ['\x81', 'NEWOBJ'],
        ['\x82', 'EXT1'],
        ['\x83', 'EXT2'],
        ['\x84', 'EXT4'],
        ['\x92', 'NEWOBJ_EX'],
        ['\x93', 'STACK_GLOBAL'],
      ] as const)
        await unsafe(bytes(`\x80\x02(${opcode}os\nsystem\n.`), 3, new RegExp(`opcode ${name},`));
    });

    it('are refused where a scalar or dtype is called as anything but a plain integer', async () => {
      const dtype = "cnumpy\ndtype\n(S'i8'\nI0\nI1\ntR";
      await unsafe("cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR.", 27, /numpy\.dtype/);
      await unsafe(`cnumpy.core.multiarray\nscalar\n(${dtype}S'too short'\ntR.`, '\\d+', /scalar/);
      await unsafe("(S'a'\nS'b'\nt(tR.", 14, /a call of a list of 2/);
      await unsafe(`${dtype}(I3\nS'<f8'\ntb.`, '\\d+', /state for numpy\.dtype/);
      await unsafe(bytes('\x80\x02](I3\ntb.'), 8, /state for a list of 0/);
    });

    it('read scalars of numpy by sign, size and byte order', async () => {
      for (const [type, order, content] of [
        ['i1', '|', '<'],
        ['u1', '|', '<'],
        ['i2', '>', '\\x00<'],
        ['u4', '<', '<\\x00\\x00\\x00'],
        ['i8', '>', '\\x00\\x00\\x00\\x00\\x00\\x00\\x00<'],
      ] as const) {
        const dtype = `cnumpy\ndtype\n(S'${type}'\nI0\nI1\ntR(I3\nS'${order}'\nNNNI-1\nI-1\nI0\ntb`;
        const step = `(lcnumpy.core.multiarray\nscalar\n(${dtype}S'${content}'\ntRa`;
        const splits = ['train', 'valid', 'test'].map((name) => `S'${name}'\n(l(l${step}aas`).join('');
        const { splits: read60 } = await read(`(d${splits}.`);
        const one = [[[60]]];
        expect(read60, type).to.deep.equal((await read(musicJson({ train: one, valid: one, test: one }))).splits);
      }
    });

    it('are refused with deep nesting', async () => {
      await unsafe('('.repeat(100_000), 8, /more than 8 open marks/);
      await unsafe(bytes(`\x80\x02${']'.repeat(100_000)}${'a'.repeat(99_999)}.`), 100_009, /nested more than 8 deep/);
    });

    it('are refused with a memo of numbers without bound', async () => {
      await unsafe(bytes('\x80\x02]r\xff\xff\xff\x7f.'), 3, /memo number 2147483647/);
      await unsafe('(lp99999999999\n.', 2, /memo number 99999999999/);
    });

    it('are refused with cycles, or shared lists that stand for more steps than fit', async () => {
      await unsafe(bytes('\x80\x02]q\0h\0a.'), 7, /changes after it was put/);
      // 1,001 times one piece of 1,000 times one chord, in 4 kB.
      const piece = `](K\x3c\x85q\0${'h\0'.repeat(999)}eq\x01`;
      const bomb = bytes(`\x80\x02}(U\x05train](${piece}${'h\x01'.repeat(1000)}eu.`);
      expect(bomb.length).to.be.below(5_000);
      await unsafe(bomb, 13, /more than 1000000 time steps/);
    });

    it('are refused with what is malformed, by its byte', async () => {
      await invalid(bytes('\x80\x04\x95.'), 0, /protocol 4/);
      await invalid(bytes('\x80\x02\xff.'), 2, /opcode 0xff/);
      await invalid(bytes('\x80\x02G\0\0\0\0\0\0\0\0.'), 2, /opcode 0x47/); // a float
      await invalid('(Ix60\n.', 1, /"x60"/);
      await invalid('(L999999999999999999L\n.', 1, /999/);
      await invalid(bytes('\x80\x02\x8a\x08\0\0\0\0\0\0\0\0.'), 2, /integer of 8 bytes/);
      await invalid("(S'open\n.", 1, /open/);
      await invalid('(I6', 1, /the end of the file/);
      await invalid(bytes('\x80\x02T\xff\xff\xff\xff.'), 2, /1 bytes to the end/);
      await invalid(bytes('\x80\x02a.'), 2, /too few values/);
      await invalid(bytes('\x80\x02N\x85t.'), 4, /no open mark/);
      await invalid(bytes('\x80\x02.'), 2, /empty stack/);
      await invalid(bytes('\x80\x02]].'), 4, /1 values left over/);
      await invalid(bytes('\x80\x02h\x07.'), 2, /memo number 7/);
      await invalid(bytes('\x80\x02NNa.'), 4, /items for null/);
      await invalid(bytes('\x80\x02}(NNu.'), 6, /the key null/);
      await invalid(bytes('\x80\x02}(Nu.'), 5, /1 items for a dictionary/);
      await invalid(`${musicPickle0()}\n`, musicPickle0().length, /1 bytes after the end/);
    });
  });

  describe('of lists', () => {
    const splits = { valid: tinyMusic.valid, test: tinyMusic.test };
    const train = (content: unknown) => JSON.stringify({ train: content, ...splits });

    it('are refused with notes outside 21 to 108, by the byte of their step', async () => {
      await invalid(train([[[60], [60, 20]]]), 16, /note 20/);
      await invalid(train([[[60], [109]]]), 16, /note 109/);
      await invalid(train([[[-60]]]), 11, /note -60/);
      await invalid(musicPickle0({ ...tinyMusic, train: [[[127]]] }), '\\d+', /note 127/);
      const pickled = musicPickle2({ ...tinyMusic, test: [[[60, 5]]] });
      await invalid(pickled, '\\d+', /note 5/);
    });

    it('are refused with more notes than keys, without steps, or with other values', async () => {
      await invalid(train([[Array(89).fill(60)]]), 11, /89 notes/);
      await invalid(train([[]]), 10, /no step in piece 0 of "train"/);
      await invalid(train([60]), 9, /60 as piece 0 of "train"/);
      await invalid(train([[60]]), 10, /60 as step 0 of piece 0 of "train"/);
      await invalid(JSON.stringify(splits), 0, /nothing as "train"/);
      await invalid('(lI60\na.', 0, /a list of 1/);
      const error = await rejection(() => read(train([])));
      expect(error.code).to.equal('RNNX_DATA_EMPTY');
    });

    it('may have white space between their signs', async () => {
      const spaced = JSON.stringify(tinyMusic, null, 2);
      expect((await read(`\r\n\t ${spaced}\n`)).splits).to.deep.equal((await read(musicJson())).splits);
    });

    it('are refused as JSON that is malformed, by its byte', async () => {
      await invalid('{"train": [[[60', 15, /the end of the file/);
      await invalid('{"train": [[[60}', 15, /"}"/);
      await invalid('{"train": [[[60.5]]]}', 13, /60\.5/);
      await invalid('{"train": [[[6e1]]]}', 13, /6e1/);
      await invalid('{"train": [[["60"]]]}', 13, /60/);
      await invalid('{"train": [[[[60]]]]}', 13, /\[60/);
      await invalid('{"train" [[[60]]]}', 9, /\[\[/);
      await invalid("{'train': []}", 1, /'train/);
      await invalid('{"train": [] "valid"}', 13, /valid/);
      await invalid('{} {}', 3, /\{\}/);
    });
  });
});
