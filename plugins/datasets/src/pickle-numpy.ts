import { NoteList, type NoteValue, type OtherValue } from './notes.js';

/** A function of numpy, known by name only. */
class NumpyName implements OtherValue {
  readonly description: string;

  constructor(description: string) {
    this.description = description;
  }
}

const dtype = new NumpyName('numpy.dtype');
const scalar = new NumpyName('numpy.core.multiarray.scalar');
const names: Readonly<Record<string, NumpyName>> = {
  'numpy.dtype': dtype,
  'numpy.core.multiarray.scalar': scalar,
  'numpy._core.multiarray.scalar': scalar,
};

/** An integer type: sign, bytes, byte order. */
export class NumpyType implements OtherValue {
  readonly #signed: boolean;
  readonly #bytes: number;
  #littleEndian = true;

  constructor(signed: boolean, bytes: number) {
    this.#signed = signed;
    this.#bytes = bytes;
  }

  get description(): string {
    return `numpy.dtype('${this.#signed ? 'i' : 'u'}${this.#bytes}')`;
  }

  /** Takes over the byte order of a pickled state `(3, order, ...)`; `undefined` where it is no such state. */
  build(state: NoteValue): true | undefined {
    const order = state instanceof NoteList ? state.items[1] : undefined;
    if (order !== '<' && order !== '>' && order !== '|') return undefined;
    this.#littleEndian = order !== '>';
    return true;
  }

  /** The integer that the bytes, written as latin1, stand for; `undefined` where their number is wrong. */
  read(content: string): number | undefined {
    if (content.length !== this.#bytes) return undefined;
    const bytes = Buffer.from(content, 'latin1');
    if (this.#littleEndian) bytes.reverse();
    const value = BigInt(`0x${bytes.toString('hex')}`);
    return Number(this.#signed ? BigInt.asIntN(8 * this.#bytes, value) : value);
  }
}

/** What a global of a pickle stands for; `undefined` for all but the two of numpy. */
export function callable(name: string): OtherValue | undefined {
  return Object.hasOwn(names, name) ? names[name] : undefined;
}

/** The result of `dtype(name, ...)` or `scalar(dtype, bytes)` as data; `undefined` for any other call. */
export function reduce(what: NoteValue, given: NoteValue): NoteValue | undefined {
  if (!(given instanceof NoteList)) return undefined;
  const [first, second] = given.items;
  if (what === dtype && typeof first === 'string') {
    const kind = /^([iu])([1248])$/.exec(first);
    return kind === null ? undefined : new NumpyType(kind[1] === 'i', Number(kind[2]));
  }
  if (what === scalar && first instanceof NumpyType && typeof second === 'string' && given.items.length === 2)
    return first.read(second);
  return undefined;
}
