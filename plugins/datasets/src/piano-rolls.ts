import { type FrameSplit, RnnxError, type SplitName } from '@rnnx/core';
import { splitNames } from './corpus.js';
import { invalidFile } from './files.js';
import { type MatCells, readMatCells } from './mat5.js';
import { describeValue, NoteDictionary, NoteList, type NoteValue } from './notes.js';

/** Notes of a frame: MIDI 21 to 108, the keys of a piano; column k is note 21 + k. */
export const keys = 88;
export const lowestNote = 21;
const highestNote = lowestNote + keys - 1;

/** Time steps of one file; MuseData, the largest, has 392,296. Shared lists of a pickle could stand for any number. */
const mostSteps = 1_000_000;

/** Pieces of each split, each `[T, 88]` row by row with values 0 and 1. */
export type PianoRolls = Readonly<Record<SplitName, readonly Float32Array[]>>;

/**
 * Piano rolls of a MATLAB 5 file: `traindata`, `validdata` and `testdata`, cell arrays of T x 88 matrices of 0 and 1.
 *
 * Errors: RNNX_DATA_INVALID with the byte offset, RNNX_DATA_EMPTY, RNNX_DATA_UNSAFE.
 */
export function rollsOfMat(bytes: Uint8Array, path: string): PianoRolls {
  const variable = (split: SplitName) => `${split}data`;
  const found = readMatCells(bytes, path, splitNames.map(variable));
  const budget = new StepBudget(path);
  return eachSplit((split) => {
    const cells = found.get(variable(split));
    if (cells === undefined)
      throw invalidFile(path, bytes.length, `no variable "${variable(split)}"`, splitNames.map(variable).join(', '));
    return notEmpty(matPieces(cells, path, budget), split, path);
  });
}

function matPieces({ cells }: MatCells, path: string, budget: StepBudget): Float32Array[] {
  return cells.map((cell) => {
    const { rows, columns } = cell;
    if (rows === 0 || columns !== keys) {
      const { offset, where } = cell.place(0);
      throw invalidFile(path, `${offset}${where}`, `a matrix of ${rows} x ${columns}`, `T x ${keys}, T at least 1`);
    }
    budget.spend(rows, cell.place(0).offset);
    const frames = new Float32Array(rows * keys);
    for (let key = 0; key < keys; key++)
      for (let t = 0; t < rows; t++) {
        const index = key * rows + t;
        const value = cell.at(index);
        if (value !== 0 && value !== 1) {
          const { offset, where } = cell.place(index);
          throw invalidFile(path, `${offset}${where}`, `the value ${value} at step ${t}, column ${key}`, '0 or 1');
        }
        frames[t * keys + key] = value;
      }
    return frames;
  });
}

/**
 * Piano rolls of note lists: for each of `train`, `valid` and `test` a list of pieces, each a list of steps, each a list
 * of MIDI notes.
 *
 * Errors: RNNX_DATA_INVALID with the byte offset of the list in question, RNNX_DATA_EMPTY, RNNX_DATA_UNSAFE.
 */
export function rollsOfNotes(root: NoteValue, path: string): PianoRolls {
  if (!(root instanceof NoteDictionary))
    throw invalidFile(path, 0, describeValue(root), 'a dictionary with train, valid and test');
  const budget = new StepBudget(path);
  const listOf = (value: NoteValue | undefined, what: string, parent: { offset: number }): NoteList => {
    if (value instanceof NoteList) return value;
    throw invalidFile(path, parent.offset, `${describeValue(value)} as ${what}`, 'a list');
  };
  return eachSplit((split) => {
    const pieces = listOf(root.entries.get(split), `"${split}"`, root);
    const rolls = pieces.items.map((item, n) => {
      const piece = listOf(item, `piece ${n} of "${split}"`, pieces);
      if (piece.items.length === 0)
        throw invalidFile(path, piece.offset, `no step in piece ${n} of "${split}"`, 'at least one');
      budget.spend(piece.items.length, piece.offset);
      const frames = new Float32Array(piece.items.length * keys);
      for (const [t, chord] of piece.items.entries())
        writeChord(listOf(chord, `step ${t} of piece ${n} of "${split}"`, piece), frames, t * keys, path);
      return frames;
    });
    return notEmpty(rolls, split, path);
  });
}

function writeChord({ items, offset }: NoteList, frames: Float32Array, at: number, path: string): void {
  if (items.length > keys) throw invalidFile(path, offset, `${items.length} notes at one step`, `at most ${keys}`);
  for (const note of items) {
    if (typeof note !== 'number' || note < lowestNote || note > highestNote)
      throw invalidFile(path, offset, `the note ${describeValue(note)}`, `a MIDI note from 21 to ${highestNote}`);
    frames[at + note - lowestNote] = 1;
  }
}

/**
 * Pieces cut into chunks of so many steps, the last of each being what is left; `null` leaves them whole. Chunks get
 * their padding in front.
 */
export function chunked(pieces: readonly Float32Array[], chunk: number | null): FrameSplit {
  if (chunk === null) return Object.freeze({ kind: 'frames', sequences: Object.freeze([...pieces]) });
  const size = chunk * keys;
  const sequences = pieces.flatMap((piece) =>
    Array.from({ length: Math.ceil(piece.length / size) }, (_, n) => piece.subarray(n * size, (n + 1) * size)),
  );
  return Object.freeze({ kind: 'frames', sequences: Object.freeze(sequences), padding: 'front' });
}

function eachSplit<T>(make: (split: SplitName) => T): Readonly<Record<SplitName, T>> {
  return { train: make('train'), valid: make('valid'), test: make('test') };
}

function notEmpty(pieces: readonly Float32Array[], split: SplitName, path: string): readonly Float32Array[] {
  if (pieces.length > 0) return pieces;
  throw new RnnxError('RNNX_DATA_EMPTY', `The ${split} split is empty`, {
    got: `no piece in ${path}`,
    expected: 'at least one piece',
    remedy: 'use a file that has pieces for each split',
  });
}

/** Counts steps before memory is taken for them. */
class StepBudget {
  readonly #path: string;
  #left = mostSteps;

  constructor(path: string) {
    this.#path = path;
  }

  spend(steps: number, offset: number): void {
    this.#left -= steps;
    if (this.#left >= 0) return;
    throw new RnnxError('RNNX_DATA_UNSAFE', `${this.#path} stands for too many steps at byte ${offset}`, {
      got: `more than ${mostSteps} time steps`,
      expected: `at most ${mostSteps} in the three splits`,
      remedy: 'do not use this file: no music data set is of that size',
    });
  }
}
