/** What a note file is made of, whatever its form: a dictionary of lists of lists of lists of MIDI note numbers. */
export type NoteValue = number | string | boolean | null | NoteList | NoteDictionary | OtherValue;

/** A list or tuple. */
export class NoteList {
  readonly items: NoteValue[] = [];
  /** Byte of the file at which it begins, or for a tuple of a pickle at which it is put together. */
  readonly offset: number;

  constructor(offset: number) {
    this.offset = offset;
  }
}

export class NoteDictionary {
  readonly entries = new Map<string, NoteValue>();
  readonly offset: number;

  constructor(offset: number) {
    this.offset = offset;
  }
}

/** A value that has no place in note data, such as a type of numpy. */
export interface OtherValue {
  readonly description: string;
}

export function describeValue(value: NoteValue | undefined): string {
  if (value instanceof NoteList) return `a list of ${value.items.length}`;
  if (value instanceof NoteDictionary) return 'a dictionary';
  if (typeof value === 'object' && value !== null) return value.description;
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
