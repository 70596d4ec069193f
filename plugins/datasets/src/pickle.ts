import { RnnxError } from '@rnnx/core';
import { invalidFile } from './files.js';
import { describeValue, NoteDictionary, NoteList, type NoteValue } from './notes.js';
import { callable, NumpyType, reduce } from './pickle-numpy.js';

/** Lists within lists; note files need five, the dictionary and numpy's tuples included. */
const deepest = 8;

/** Names of the opcodes that call code, make objects or look them up elsewhere (Python's `pickletools`). */
const forbidden: Readonly<Record<number, string>> = {
  105: 'INST',
  111: 'OBJ',
  80: 'PERSID',
  81: 'BINPERSID',
  129: 'NEWOBJ',
  130: 'EXT1',
  131: 'EXT2',
  132: 'EXT4',
  146: 'NEWOBJ_EX',
  147: 'STACK_GLOBAL',
  151: 'NEXT_BUFFER',
};

const stop = 46;

/** NONE, NEWTRUE, NEWFALSE: numpy's dtypes are written with them. */
const constants: ReadonlyMap<number, null | boolean> = new Map([
  [78, null],
  [136, true],
  [137, false],
]);

/**
 * Reads a Python pickle of protocol 0 to 2 that holds nothing but dictionaries, lists, tuples, strings, integers and
 * numpy's integer scalars. Nothing named in the file is ever called or looked up: the two functions of numpy that
 * scalars are written with are recognised by name and their arguments read as data.
 *
 * Memory stays within a small multiple of the file's size: every value costs a byte of it, memo numbers beyond the bytes
 * read so far are refused, and a container that already lies in another may not change, so that no cycle can arise.
 *
 * Errors: RNNX_DATA_UNSAFE with the offset for another global, an opcode that makes objects, a memo or nesting without
 * bound, a container that changes later; RNNX_DATA_INVALID with the offset for what is cut short or malformed.
 */
export function readPickle(bytes: Uint8Array, path: string): NoteValue {
  return new Unpickler(bytes, path).read();
}

class Unpickler {
  readonly #bytes: Buffer;
  readonly #path: string;
  readonly #stack: NoteValue[] = [];
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, NoteValue>();
  /** Levels of containers in a container, itself included. */
  readonly #depths = new Map<NoteValue, number>();
  /** Containers that lie in another. */
  readonly #placed = new Set<NoteValue>();
  #at = 0;
  /** Of the opcode under way. */
  #opcodeAt = 0;

  /** What each opcode does, by its character as in the documentation of the format. */
  readonly #actions: Readonly<Record<string, () => void>> = {
    '\x80': () => this.#protocol(), // PROTO
    '(': () => this.#mark(), // MARK
    I: () => this.#push(this.#integerLine(/^[+-]?\d{1,15}$/)), // INT
    L: () => this.#push(this.#integerLine(/^[+-]?\d{1,15}L?$/)), // LONG
    J: () => this.#push(this.#take(4).readInt32LE()), // BININT
    K: () => this.#push(this.#byte()), // BININT1
    M: () => this.#push(this.#take(2).readUInt16LE()), // BININT2
    '\x8a': () => this.#push(this.#longInteger()), // LONG1
    S: () => this.#push(this.#quoted()), // STRING
    V: () => this.#push(this.#line()), // UNICODE
    U: () => this.#push(this.#take(this.#byte()).toString('latin1')), // SHORT_BINSTRING
    T: () => this.#push(this.#take(this.#word()).toString('latin1')), // BINSTRING
    X: () => this.#push(this.#take(this.#word()).toString('utf8')), // BINUNICODE
    ']': () => this.#push(this.#list([])), // EMPTY_LIST
    l: () => this.#push(this.#list(this.#popMark())), // LIST
    ')': () => this.#push(this.#list([])), // EMPTY_TUPLE
    t: () => this.#push(this.#list(this.#popMark())), // TUPLE
    '\x85': () => this.#push(this.#list(this.#popMany(1))), // TUPLE1
    '\x86': () => this.#push(this.#list(this.#popMany(2))), // TUPLE2
    '\x87': () => this.#push(this.#list(this.#popMany(3))), // TUPLE3
    a: () => this.#append(this.#popMany(1)), // APPEND
    e: () => this.#append(this.#popMark()), // APPENDS
    '}': () => this.#push(new NoteDictionary(this.#opcodeAt)), // EMPTY_DICT
    d: () => this.#dictionary(this.#popMark()), // DICT
    s: () => this.#set(this.#popMany(2)), // SETITEM
    u: () => this.#set(this.#popMark()), // SETITEMS
    p: () => this.#remember(this.#integerLine(/^\d{1,15}$/)), // PUT
    q: () => this.#remember(this.#byte()), // BINPUT
    r: () => this.#remember(this.#word()), // LONG_BINPUT
    g: () => this.#recall(this.#integerLine(/^\d{1,15}$/)), // GET
    h: () => this.#recall(this.#byte()), // BINGET
    j: () => this.#recall(this.#word()), // LONG_BINGET
    c: () => this.#push(this.#global()), // GLOBAL
    R: () => this.#reduce(), // REDUCE
    b: () => this.#build(), // BUILD
  };

  constructor(bytes: Uint8Array, path: string) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#path = path;
  }

  read(): NoteValue {
    for (;;) {
      this.#opcodeAt = this.#at;
      const opcode = this.#byte();
      if (opcode === stop) return this.#stop();
      this.#step(opcode);
    }
  }

  #stop(): NoteValue {
    const value = this.#pop();
    if (this.#stack.length > 0 || this.#marks.length > 0)
      throw this.#invalid(`${this.#stack.length} values left over`, 'one value at the end');
    if (this.#at < this.#bytes.length) {
      this.#opcodeAt = this.#at;
      throw this.#invalid(`${this.#bytes.length - this.#at} bytes after the end`, 'nothing after the opcode STOP');
    }
    return value;
  }

  #step(opcode: number): void {
    const constant = constants.get(opcode);
    if (constant !== undefined) return void this.#push(constant);
    (this.#actions[String.fromCharCode(opcode)] ?? (() => this.#unknown(opcode)))();
  }

  #mark(): void {
    if (this.#marks.length >= deepest) throw this.#unsafe(`more than ${deepest} open marks`, 'nested lists of notes');
    this.#marks.push(this.#stack.length);
  }

  #protocol(): void {
    const version = this.#byte();
    if (version > 2)
      throw this.#invalid(
        `protocol ${version}`,
        'protocol 0, 1 or 2',
        'write it again in Python with pickle.dump(..., protocol=2)',
      );
  }

  #unknown(opcode: number): never {
    const name = forbidden[opcode];
    if (name !== undefined)
      throw this.#unsafe(`the opcode ${name}, which makes objects`, 'lists, dictionaries and integers');
    throw this.#invalid(`opcode 0x${opcode.toString(16).padStart(2, '0')}`, 'an opcode that lists of notes need');
  }

  #global(): NoteValue {
    const name = `${this.#line()}.${this.#line()}`;
    const known = callable(name);
    if (known === undefined) throw this.#unsafe(`the global ${name}`, 'no globals but the scalars and dtypes of numpy');
    return known;
  }

  #reduce(): void {
    const [what, given] = this.#popMany(2);
    const result = reduce(what!, given!);
    if (result === undefined)
      throw this.#unsafe(`a call of ${describeValue(what)} with ${describeValue(given)}`, "an integer of numpy's");
    this.#push(result);
  }

  #build(): void {
    const [target, state] = this.#popMany(2);
    const built = target instanceof NumpyType ? target.build(state!) : undefined;
    if (built === undefined)
      throw this.#unsafe(`a state for ${describeValue(target)}`, 'states of integer dtypes of numpy only');
    this.#push(target!);
  }

  #dictionary(items: readonly NoteValue[]): void {
    this.#push(new NoteDictionary(this.#opcodeAt));
    this.#set(items);
  }

  #list(items: readonly NoteValue[]): NoteList {
    const list = new NoteList(this.#opcodeAt);
    this.#place(list, items);
    for (const item of items) list.items.push(item);
    return list;
  }

  #append(items: readonly NoteValue[]): void {
    const list = this.#top();
    if (!(list instanceof NoteList)) throw this.#invalid(`items for ${describeValue(list)}`, 'a list to add them to');
    this.#place(list, items);
    for (const item of items) list.items.push(item);
  }

  #set(items: readonly NoteValue[]): void {
    const dictionary = this.#top();
    if (!(dictionary instanceof NoteDictionary) || items.length % 2 !== 0)
      throw this.#invalid(`${items.length} items for ${describeValue(dictionary)}`, 'keys and values of a dictionary');
    this.#place(dictionary, items);
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i];
      if (typeof key !== 'string') throw this.#invalid(`the key ${describeValue(key)}`, 'a string');
      dictionary.entries.set(key, items[i + 1]!);
    }
  }

  /** Puts items into a container that is still free to change. */
  #place(container: NoteValue, items: readonly NoteValue[]): void {
    let depth = this.#depths.get(container) ?? 1;
    for (const item of items) {
      if (!(item instanceof NoteList || item instanceof NoteDictionary)) continue;
      this.#placed.add(item);
      depth = Math.max(depth, 1 + (this.#depths.get(item) ?? 1));
    }
    if (this.#placed.has(container))
      throw this.#unsafe('a container that changes after it was put into another', 'lists that contain no cycle');
    if (depth > deepest)
      throw this.#unsafe(`lists nested more than ${deepest} deep`, 'lists of lists of lists of notes');
    if (depth > 1) this.#depths.set(container, depth);
  }

  #remember(index: number): void {
    if (index > this.#at) throw this.#unsafe(`the memo number ${index}`, `at most ${this.#at}, the bytes so far`);
    this.#memo.set(index, this.#top());
  }

  #recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.#invalid(`the memo number ${index}`, 'a number that was stored before');
    this.#push(value);
  }

  #push(value: NoteValue): void {
    this.#stack.push(value);
  }

  #top(): NoteValue {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw this.#invalid('an empty stack', 'a value on it');
    return this.#stack.at(-1)!;
  }

  #pop(): NoteValue {
    const value = this.#top();
    this.#stack.length--;
    return value;
  }

  #popMany(count: number): NoteValue[] {
    if (this.#stack.length - count < (this.#marks.at(-1) ?? 0))
      throw this.#invalid('too few values on the stack', `${count} of them`);
    return this.#stack.splice(this.#stack.length - count, count);
  }

  #popMark(): NoteValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.#invalid('no open mark', 'a mark before');
    return this.#stack.splice(mark);
  }

  #take(count: number): Buffer {
    const end = this.#at + count;
    if (end > this.#bytes.length)
      throw this.#invalid(`${this.#bytes.length - this.#at} bytes to the end`, `${count} more, and the opcode STOP`);
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  #byte(): number {
    return this.#take(1)[0]!;
  }

  #word(): number {
    return this.#take(4).readUInt32LE();
  }

  #line(): string {
    const end = this.#bytes.indexOf(10, this.#at);
    if (end < 0) throw this.#invalid('the end of the file', 'a newline');
    const line = this.#take(end - this.#at).toString('latin1');
    this.#at++;
    return line;
  }

  #integerLine(form: RegExp): number {
    const line = this.#line();
    if (!form.test(line)) throw this.#invalid(JSON.stringify(line.slice(0, 40)), 'an integer');
    return Number.parseInt(line, 10);
  }

  #longInteger(): number {
    const size = this.#byte();
    if (size > 6) throw this.#invalid(`an integer of ${size} bytes`, 'at most 6');
    return size === 0 ? 0 : this.#take(size).readIntLE(0, size);
  }

  #quoted(): string {
    const line = this.#line();
    const inner = /^(["'])(.*)\1$/.exec(line)?.[2];
    if (inner === undefined) throw this.#invalid(JSON.stringify(line.slice(0, 40)), 'a string in quotes');
    const plain: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
    return inner.replace(/\\(?:x([0-9a-fA-F]{2})|(.))/g, (_, hex: string | undefined, letter: string | undefined) =>
      hex === undefined ? (plain[letter!] ?? letter!) : String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }

  #invalid(got: string, expected: string, remedy?: string): RnnxError {
    return invalidFile(this.#path, this.#opcodeAt, got, expected, remedy);
  }

  #unsafe(got: string, expected: string): RnnxError {
    return new RnnxError('RNNX_DATA_UNSAFE', `${this.#path} is not safe to read at byte ${this.#opcodeAt}`, {
      got,
      expected,
      remedy: 'do not use this file: it is no plain list of notes; get it from its source, or use the .mat form',
    });
  }
}
