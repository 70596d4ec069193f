import { deflateSync } from 'node:zlib';

/** Pieces of a split: steps of MIDI notes. */
export type Piece = readonly (readonly number[])[];
export type Pieces = Readonly<Record<'train' | 'valid' | 'test', readonly Piece[]>>;

/** Three splits of a few steps each, with an empty step and the lowest and the highest note. */
export const tinyMusic: Pieces = {
  train: [
    [[60, 64, 67], [62], [], [21, 108], [60]],
    [[55], [57], [59]],
  ],
  valid: [[[60], [61], [62], [63]]],
  test: [
    [[60, 72], [62], [64], [65], [67]],
    [[60], [60]],
  ],
};

export function musicJson(pieces: Pieces = tinyMusic): string {
  return JSON.stringify(pieces);
}

/** A pickle of protocol 0 as Python 2 writes it: `pickle.dumps(pieces)`. */
export function musicPickle0(pieces: Pieces = tinyMusic): string {
  const list = (items: readonly string[]) => `(l${items.map((item) => `${item}a`).join('')}`;
  const split = (name: keyof Pieces) =>
    `S'${name}'\n${list(pieces[name].map((piece) => list(piece.map((step) => list(step.map((note) => `I${note}\n`))))))}s`;
  return `(d${split('train')}${split('valid')}${split('test')}.`;
}

/** A pickle of protocol 2 whose steps are tuples of numpy scalars of type i8, as in the public file of JSB Chorales. */
export function musicPickle2(pieces: Pieces = tinyMusic): Buffer {
  const text = (content: string) => `U${String.fromCharCode(content.length)}${content}`;
  const dtype = `cnumpy\ndtype\n(${text('i8')}K\x00K\x01tR(K\x03${text('<')}NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb`;
  const note = (value: number) => `h\x00h\x01${text(`${String.fromCharCode(value)}${'\0'.repeat(7)}`)}\x86R`;
  const piece = (steps: Piece) => `](${steps.map((step) => `(${step.map(note).join('')}t`).join('')}e`;
  const splits = Object.entries(pieces).map(([name, all]) => `${text(name)}](${all.map(piece).join('')}e`);
  // The two globals are memorised inside a tuple that becomes a first entry of the dictionary.
  const preamble = `${text('types')}(cnumpy.core.multiarray\nscalar\nq\x00${dtype}q\x01t`;
  return Buffer.from(`\x80\x02}(${preamble}${splits.join('')}u.`, 'latin1');
}

export interface MatOptions {
  readonly compressed?: boolean;
  /** Storage type of the values: 2 for uint8, 9 for double. */
  readonly storage?: 2 | 9;
  /** Changes a value of the first piece of train, by its place in the file. */
  readonly first?: number;
  /** Width of the matrices. */
  readonly columns?: number;
}

/** A tagged element, padded to 8 bytes; small where the data fit into four bytes and `small` says so. */
export function matElement(type: number, data: Buffer, small = false): Buffer {
  const tag = Buffer.alloc(8);
  if (small && data.length <= 4) {
    tag.writeUInt16LE(type, 0);
    tag.writeUInt16LE(data.length, 2);
    data.copy(tag, 4);
    return tag;
  }
  tag.writeUInt32LE(type, 0);
  tag.writeUInt32LE(data.length, 4);
  return Buffer.concat([tag, data, Buffer.alloc((8 - (data.length % 8)) % 8)]);
}

function words(...values: number[]): Buffer {
  return Buffer.from(Int32Array.from(values).buffer);
}

/** An array element: flags with its class, dimensions, name, content. */
export function matArray(kind: number, dimensions: readonly number[], name: string, content: Buffer): Buffer {
  const parts = [
    matElement(6, words(kind, 0)),
    matElement(5, words(...dimensions)),
    matElement(1, Buffer.from(name), true),
  ];
  return matElement(14, Buffer.concat([...parts, content]));
}

export function matHeader(text = 'MATLAB 5.0 MAT-file, handmade'): Buffer {
  const header = Buffer.alloc(128, ' ');
  header.write(text, 0, 'latin1');
  header.writeUInt16LE(0x0100, 124);
  header.write('IM', 126, 'latin1');
  return header;
}

/** An uncompressed variable: a cell array of piano rolls. */
export function matSplit(name: string, pieces: readonly Piece[], options: MatOptions = {}): Buffer {
  const { storage = 2, columns = 88 } = options;
  const cells = pieces.map((piece, n) => {
    const values = new Float64Array(piece.length * columns);
    piece.forEach((step, t) => {
      for (const note of step) values[(note - 21) * piece.length + t] = 1;
    });
    if (n === 0 && name === 'traindata' && options.first !== undefined) values[0] = options.first;
    const data = storage === 9 ? Buffer.from(values.buffer) : Buffer.from(Uint8Array.from(values));
    return matArray(6, [piece.length, columns], '', matElement(storage, data));
  });
  return matArray(1, [1, pieces.length], name, Buffer.concat(cells));
}

/** Compressed as MATLAB does it: without padding after the data. */
export function matCompressed(variable: Buffer): Buffer {
  const data = deflateSync(variable);
  const tag = Buffer.alloc(8);
  tag.writeUInt32LE(15, 0);
  tag.writeUInt32LE(data.length, 4);
  return Buffer.concat([tag, data]);
}

/** A MATLAB 5 file with `traindata`, `validdata` and `testdata`, and a variable that is none of them. */
export function musicMat(pieces: Pieces = tinyMusic, options: MatOptions = {}): Buffer {
  const wrap = options.compressed === false ? (variable: Buffer) => variable : matCompressed;
  const other = matArray(6, [1, 1], 'nEpoch', matElement(9, Buffer.from(Float64Array.of(3).buffer)));
  const splits = (['train', 'valid', 'test'] as const).map((split) =>
    wrap(matSplit(`${split}data`, pieces[split], options)),
  );
  return Buffer.concat([matHeader(), wrap(other), ...splits]);
}
