import type { RnnxError } from '@rnnx/core';
import { invalidFile } from './files.js';
import { NoteDictionary, NoteList, type NoteValue } from './notes.js';

/** An object of lists of lists of lists. */
const deepest = 4;

/**
 * Reads the JSON form of a note file: one object, lists and integers (RFC 8259). A reader of its own, so that every
 * complaint can name the byte, which `JSON.parse` cannot.
 *
 * Errors: RNNX_DATA_INVALID with the byte offset.
 */
export function readNotesJson(bytes: Uint8Array, path: string): NoteValue {
  // One character a byte: strings are keys only, and offsets are those of the file.
  return new Scanner(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1'), path).read();
}

class Scanner {
  readonly #text: string;
  readonly #path: string;
  #at = 0;

  constructor(text: string, path: string) {
    this.#text = text;
    this.#path = path;
  }

  read(): NoteValue {
    const value = this.#value(1);
    this.#space();
    if (this.#at < this.#text.length) throw this.#fail('nothing after the closing brace');
    return value;
  }

  #value(depth: number): NoteValue {
    this.#space();
    const first = this.#text[this.#at];
    if ((first === '[' || first === '{') && depth > deepest) throw this.#fail('a number');
    if (first === '[') return this.#list(depth);
    if (first === '{') return this.#object(depth);
    return this.#integer();
  }

  #list(depth: number): NoteList {
    const list = new NoteList(this.#at++);
    this.#space();
    if (this.#skip(']')) return list;
    for (;;) {
      list.items.push(this.#value(depth + 1));
      this.#space();
      if (this.#skip(']')) return list;
      if (!this.#skip(',')) throw this.#fail('"," or "]"');
    }
  }

  #object(depth: number): NoteDictionary {
    const object = new NoteDictionary(this.#at++);
    this.#space();
    if (this.#skip('}')) return object;
    for (;;) {
      this.#space();
      const key = this.#match(/"([^"\\\n]*)"/y);
      if (key === undefined) throw this.#fail('a key in quotes');
      this.#space();
      if (!this.#skip(':')) throw this.#fail('":"');
      object.entries.set(key.slice(1, -1), this.#value(depth + 1));
      this.#space();
      if (this.#skip('}')) return object;
      if (!this.#skip(',')) throw this.#fail('"," or "}"');
    }
  }

  #integer(): number {
    const digits = this.#match(/-?(?:0|[1-9]\d{0,14})(?![\d.eE])/y);
    if (digits === undefined) throw this.#fail('an integer, a list or an object');
    return Number(digits);
  }

  #match(form: RegExp): string | undefined {
    form.lastIndex = this.#at;
    const found = form.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #space(): void {
    this.#match(/[ \t\r\n]*/y);
  }

  #skip(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #fail(expected: string): RnnxError {
    const rest = this.#text.slice(this.#at, this.#at + 12);
    return invalidFile(this.#path, this.#at, rest === '' ? 'the end of the file' : JSON.stringify(rest), expected);
  }
}
