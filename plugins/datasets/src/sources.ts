import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type LoadContext, RnnxError, type SplitName } from '@rnnx/core';
import { type SplitText, splitNames } from './corpus.js';
import { cachedText } from './download.js';
import { type FileIdentity, kindOf, missing, readText, type TextFile } from './files.js';
import type { Unit } from './vocabulary.js';

export type SplitTexts = Readonly<Record<SplitName, SplitText>>;

/** Texts with one line a source: path or URL, size, checksum. */
export interface Sources {
  readonly texts: SplitTexts;
  readonly notes: readonly string[];
}

export function isUrl(location: string): boolean {
  return /^https?:\/\//i.test(location);
}

/** Relative paths start at the data folder where one is given, else at the working directory. */
export function resolvePath(location: string, context: LoadContext): string {
  return resolve(context.dataDir ?? process.cwd(), location);
}

/**
 * Reads a file or an URL as text.
 *
 * Errors: RNNX_DATA_MISSING and the other errors of files and downloads.
 *
 * @param option the data set's option that names the location, for messages
 */
export async function readLocation(
  location: string,
  option: string,
  sha256: string | undefined,
  context: LoadContext,
): Promise<TextFile> {
  if (!isUrl(location)) return readText(resolvePath(location, context), sha256);
  const file = basename(new URL(location).pathname) || 'download';
  const target = join(context.cacheDir, 'text', `${urlKey(location)}-${file}`);
  return cachedText(
    {
      url: location,
      target,
      label: file,
      byHand: `put a copy at ${target}, or keep it in a folder given by --data-dir and set "${option}" to "${file}"`,
      ...(sha256 === undefined ? {} : { sha256 }),
    },
    context,
  );
}

/** Keeps files of one name from different URLs apart in the cache. */
export function urlKey(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 12);
}

/** One file a split. */
export async function readSplits(
  locations: Readonly<Record<SplitName, string>>,
  sha256: Readonly<Partial<Record<SplitName, string>>>,
  context: LoadContext,
): Promise<Sources> {
  const files: Partial<Record<SplitName, TextFile>> = {};
  for (const split of splitNames) files[split] = await readLocation(locations[split], split, sha256[split], context);
  return fromFiles(files as Record<SplitName, TextFile>, locations);
}

export function fromFiles(
  files: Readonly<Record<SplitName, TextFile>>,
  locations: Readonly<Record<SplitName, string>>,
): Sources {
  const text = (split: SplitName): SplitText => ({ text: files[split].text, from: locations[split] });
  return {
    texts: { train: text('train'), valid: text('valid'), test: text('test') },
    notes: splitNames.map((split) => note(split, locations[split], files[split])),
  };
}

export function note(what: string, location: string, file: FileIdentity): string {
  return `${what}: ${location}, ${file.bytes} bytes, SHA-256 ${file.sha256}`;
}

const splitWords: Readonly<Record<SplitName, RegExp>> = {
  train: /(^|[._-])train(ing)?([._-]|$)/i,
  valid: /(^|[._-])(valid(ation)?|val|dev)([._-]|$)/i,
  test: /(^|[._-])test([._-]|$)/i,
};

/**
 * The files of a folder that carry the names of splits: `train.txt`, `ptb.valid.txt`, `wiki.test.tokens`, `dev.txt`.
 *
 * Errors: RNNX_DATA_MISSING where a split has no file, or several.
 */
export async function findSplits(folder: string): Promise<Record<SplitName, string>> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    throw missing(folder, cause);
  });
  const names = entries.filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
  const pick = (split: SplitName): string => {
    const fits = names.filter((name) => splitWords[split].test(name)).sort();
    if (fits.length === 1) return join(folder, fits[0]!);
    throw new RnnxError(
      'RNNX_DATA_MISSING',
      `${folder} has ${fits.length === 0 ? 'no' : 'more than one'} ${split} file`,
      {
        got: fits.length === 0 ? `files ${list(names)}` : list(fits),
        expected: `one file with "${split}" in its name, such as ${split}.txt`,
        remedy: 'add or rename it, or name the files with the options "train", "valid" and "test"',
      },
    );
  };
  return { train: pick('train'), valid: pick('valid'), test: pick('test') };
}

function list(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  return names.length > 8 ? `${names.slice(0, 8).join(', ')}, ...` : names.join(', ');
}

/**
 * Cuts one text into train, valid and test, in this order. A cut between words goes to the end of the line where there
 * is one, else to the next white space; one between characters stays where it falls.
 *
 * @param valid share of the text's length, 0 to 1; `test` likewise; train has the rest
 */
export function splitText(text: string, from: string, unit: Unit, valid: number, test: number): SplitTexts {
  const afterTest = text.length;
  const afterValid = cut(text, Math.round(afterTest * (1 - test)), unit);
  const afterTrain = Math.min(afterValid, cut(text, Math.round(afterTest * (1 - valid - test)), unit));
  return {
    train: { text: text.slice(0, afterTrain), from: `${from} (train part)` },
    valid: { text: text.slice(afterTrain, afterValid), from: `${from} (valid part)` },
    test: { text: text.slice(afterValid), from: `${from} (test part)` },
  };
}

function cut(text: string, at: number, unit: Unit): number {
  if (unit === 'character') {
    const code = text.charCodeAt(at);
    return code >= 0xdc00 && code <= 0xdfff ? at + 1 : at; // never between surrogates
  }
  const line = text.indexOf('\n', at);
  if (line >= 0 && line + 1 < text.length) return line + 1;
  const space = text.slice(at).search(/[ \t\n\v\f\r]/);
  return space < 0 ? text.length : at + space + 1;
}

/** Finds the text that a path names, be it an URL, a file to split or a folder. */
export async function readPath(
  path: string,
  how: { unit: Unit; validFraction: number; testFraction: number; sha256: string | undefined },
  context: LoadContext,
): Promise<Sources> {
  if (!isUrl(path) && (await kindOf(resolvePath(path, context))) === 'folder')
    return readSplits(await findSplits(resolvePath(path, context)), {}, context);
  const file = await readLocation(path, 'path', how.sha256, context);
  return {
    texts: splitText(file.text, path, how.unit, how.validFraction, how.testFraction),
    notes: [
      note('text', path, file),
      `split in this order: valid ${how.validFraction}, test ${how.testFraction} of the length, train the rest`,
    ],
  };
}
