import { inflateSync } from 'node:zlib';
import type { RnnxError } from '@rnnx/core';
import { invalidFile } from './files.js';
import { tooLarge } from './zip.js';

/** A matrix of numbers, column by column as in the file. */
export interface MatNumbers {
  readonly rows: number;
  readonly columns: number;
  /** Value at row + column · rows. */
  at(index: number): number;
  /** Where that value stands, for messages. */
  place(index: number): MatPlace;
}

/** A byte of the file, or of what a compressed variable in it inflates to. */
export interface MatPlace {
  readonly offset: number;
  readonly where: string;
}

export interface MatCells {
  readonly cells: readonly MatNumbers[];
  readonly place: MatPlace;
}

const miMatrix = 14;
const miCompressed = 15;
const mxCell = 1;
const complexFlag = 0x0800;
/** Classes of full numeric arrays: double, single, and integers of 8, 16 and 32 bits. */
const numericClasses = new Set([6, 7, 8, 9, 10, 11, 12, 13]);
/** No variable of a music file inflates to more; the largest has 22 MB. */
const largestVariable = 2 ** 28;

/** Bytes of a value by storage type, and how it is read. */
const storages: Readonly<Record<number, readonly [bytes: number, read: (view: DataView, at: number) => number]>> = {
  1: [1, (view, at) => view.getInt8(at)],
  2: [1, (view, at) => view.getUint8(at)],
  3: [2, (view, at) => view.getInt16(at, true)],
  4: [2, (view, at) => view.getUint16(at, true)],
  5: [4, (view, at) => view.getInt32(at, true)],
  6: [4, (view, at) => view.getUint32(at, true)],
  7: [4, (view, at) => view.getFloat32(at, true)],
  9: [8, (view, at) => view.getFloat64(at, true)],
};

/**
 * The cell arrays of real matrices in a MATLAB 5 file, by the name of their variable: little-endian, compressed or not.
 * Other variables are passed over. After The MathWorks, "MAT-File Format", chapter 1.
 *
 * Errors: RNNX_DATA_INVALID with the byte offset, RNNX_DATA_UNSAFE for a variable that inflates without bound.
 *
 * @param wanted names of variables
 */
export function readMatCells(bytes: Uint8Array, path: string, wanted: readonly string[]): Map<string, MatCells> {
  checkHeader(bytes, path);
  const file = new Cursor(bytes, path, '');
  const found = new Map<string, MatCells>();
  for (let at = 128; at < bytes.length; ) {
    const element = file.element(at, bytes.length);
    if (element.type === miCompressed) {
      const inner = new Cursor(inflate(bytes, element, path), path, ` of what is compressed at byte ${at}`);
      readVariable(inner, inner.element(0, inner.length), wanted, found);
    } else readVariable(file, element, wanted, found);
    at = element.next;
  }
  return found;
}

export function isMat5(bytes: Uint8Array): boolean {
  return ascii(bytes, 0, magic.length) === magic;
}

const magic = 'MATLAB 5.0 MAT-file';

function checkHeader(bytes: Uint8Array, path: string): void {
  if (!isMat5(bytes))
    throw invalidFile(
      path,
      0,
      JSON.stringify(ascii(bytes, 0, magic.length)),
      `"${magic}"`,
      'save it again in MATLAB with the option -v7',
    );
  if (bytes.length < 128) throw invalidFile(path, bytes.length, 'the end of the file', 'a header of 128 bytes');
  const tail = `version 0x${bytes[125]!.toString(16)}${bytes[124]!.toString(16).padStart(2, '0')}, order "${ascii(bytes, 126, 2)}"`;
  if (bytes[124] !== 0 || bytes[125] !== 1 || ascii(bytes, 126, 2) !== 'IM')
    throw invalidFile(path, 124, tail, 'version 0x100, order "IM" (little-endian)');
}

interface Element {
  readonly type: number;
  /** Where its tag begins, its data, and what follows. */
  readonly at: number;
  readonly data: number;
  readonly size: number;
  readonly next: number;
}

function inflate(bytes: Uint8Array, { data, size }: Element, path: string): Buffer {
  try {
    return inflateSync(bytes.subarray(data, data + size), { maxOutputLength: largestVariable });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(path, data, largestVariable, cause);
    throw invalidFile(path, data, message, 'a whole zlib stream');
  }
}

function readVariable(from: Cursor, element: Element, wanted: readonly string[], found: Map<string, MatCells>): void {
  const { kind, name, dimensions, content } = readMatrix(from, element);
  if (!wanted.includes(name)) return;
  if (kind !== mxCell)
    throw from.fail(element.at, `array class ${kind} for "${name}"`, `a cell array (class ${mxCell})`);
  const count = dimensions.reduce((product, n) => product * n, 1);
  const end = element.data + element.size;
  const cells: MatNumbers[] = [];
  let at = content;
  while (cells.length < count) {
    if (at >= end) throw from.fail(at, `${cells.length} cells of "${name}"`, `${count} cells`);
    const cell = from.element(at, end);
    cells.push(readNumbers(from, cell));
    at = cell.next;
  }
  found.set(name, { cells, place: from.place(element.at) });
}

function readNumbers(from: Cursor, element: Element): MatNumbers {
  const { kind, flags, dimensions, content } = readMatrix(from, element);
  if (!numericClasses.has(kind) || flags & complexFlag)
    throw from.fail(
      element.at,
      `a cell of array class ${kind}${flags & complexFlag ? ', complex' : ''}`,
      'real numbers',
    );
  if (dimensions.length !== 2) throw from.fail(element.at, `${dimensions.length} dimensions`, 'a matrix of two');
  const [rows, columns] = dimensions as [number, number];
  const end = element.data + element.size;
  // MATLAB may leave the data element of an empty matrix out.
  if (rows * columns === 0) return { rows, columns, at: () => Number.NaN, place: () => from.place(element.at) };
  const real = from.element(content, end);
  const storage = storages[real.type];
  if (storage === undefined) throw from.fail(real.at, `storage type ${real.type}`, 'integers of 8 to 32 bits, floats');
  const [bytes, read] = storage;
  if (real.size !== rows * columns * bytes)
    throw from.fail(real.at, `${real.size} bytes`, `${rows * columns * bytes} for ${rows} x ${columns} values`);
  return {
    rows,
    columns,
    at: (index) => read(from.view, real.data + index * bytes),
    place: (index) => from.place(real.data + index * bytes),
  };
}

/** Flags, dimensions and name: what every array begins with. */
function readMatrix(from: Cursor, element: Element) {
  if (element.type !== miMatrix)
    throw from.fail(element.at, `data type ${element.type}`, `an array (type ${miMatrix})`);
  const end = element.data + element.size;
  const flags = from.element(element.data, end);
  if (flags.type !== 6 || flags.size !== 8)
    throw from.fail(flags.at, describe(flags), 'array flags (8 bytes of type 6)');
  const word = from.view.getUint32(flags.data, true);
  const size = from.element(flags.next, end);
  if (size.type !== 5 || size.size % 4 !== 0 || size.size < 8)
    throw from.fail(size.at, describe(size), 'dimensions (type 5, two or more)');
  const dimensions = Array.from({ length: size.size / 4 }, (_, i) => from.view.getInt32(size.data + 4 * i, true));
  if (dimensions.some((n) => n < 0)) throw from.fail(size.data, `dimensions ${dimensions.join(' x ')}`, '0 or more');
  const name = from.element(size.next, end);
  if (name.type !== 1) throw from.fail(name.at, describe(name), 'a name (type 1)');
  return {
    kind: word & 0xff,
    flags: word & 0xff00,
    dimensions,
    name: ascii(from.bytes, name.data, name.size),
    content: name.next,
  };
}

function describe({ type, size }: Element): string {
  return `${size} bytes of type ${type}`;
}

function ascii(bytes: Uint8Array, at: number, size: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.max(0, Math.min(size, bytes.length - at))).toString(
    'latin1',
  );
}

/** Tagged elements in a range of bytes. */
class Cursor {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly #path: string;
  readonly #where: string;

  constructor(bytes: Uint8Array, path: string, where: string) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#path = path;
    this.#where = where;
  }

  get length(): number {
    return this.bytes.length;
  }

  place(offset: number): MatPlace {
    return { offset, where: this.#where };
  }

  fail(offset: number, got: string, expected: string): RnnxError {
    return invalidFile(this.#path, `${offset}${this.#where}`, got, expected);
  }

  /** The element at an offset; all of it before `end`. */
  element(at: number, end: number): Element {
    if (at + 8 > end) throw this.fail(at, `${Math.max(0, end - at)} bytes to the end`, 'a tag of 8 bytes');
    const word = this.view.getUint32(at, true);
    // A small element has its size in the upper half of the first word and its data in place of the size.
    const small = word >>> 16;
    if (small > 4) throw this.fail(at, `a small element of ${small} bytes`, 'at most 4');
    if (small > 0) return { type: word & 0xffff, at, data: at + 4, size: small, next: at + 8 };
    const size = this.view.getUint32(at + 4, true);
    const data = at + 8;
    if (data + size > end) throw this.fail(at, `${end - data} bytes to the end`, `${size} bytes of data`);
    // Data are padded to 8 bytes, but for compressed ones and where a writer left the last padding out.
    const padded = word === miCompressed ? size : Math.ceil(size / 8) * 8;
    return { type: word, at, data, size, next: Math.min(end, data + padded) };
  }
}
