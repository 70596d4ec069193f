import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type Dataset, type DatasetProvider, definePlugin, type LoadContext, RnnxError } from '@rnnx/core';
import { cachedBinary } from './download.js';
import { checksumError, invalidFile, kindOf, missing, readBinary } from './files.js';
import { cacheFolder, localFolders, publishedSchema, unverifiedRemedy } from './published.js';
import { note, resolvePath } from './sources.js';
import { createVocabulary, languageTask } from './vocabulary.js';
import { firstOfZip, isZip } from './zip.js';

export interface Text8Options {
  readonly path: string | null;
  readonly characters: number | null;
  readonly verify: boolean;
  readonly source: string;
}

/** The whole corpus, and the archive that it is published in. */
export const text8File = {
  characters: 100_000_000,
  sha256: '6e890197040d37d85beb962ae1f041ff1d9a9ca8d20c7d99c85027eebf51dca7',
  zipSha256: 'a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232',
} as const;

const alphabet = [' ', ...'abcdefghijklmnopqrstuvwxyz'];
/** One character for validation and one for the test out of so many. */
const held = 20;

/**
 * text8, characters: the first 10^8 characters of English Wikipedia of 2006, cleaned to `a` to `z` and single spaces
 * (M. Mahoney, "About the test data"). Bits per character.
 *
 * The whole file is split in its order into 90, 5 and 5 million characters for train, valid and test (Mikolov et al.
 * 2012, "Subword language modeling with neural networks"). A prefix, by the option `characters` or as a shorter file at
 * `path`, is split into 90, 5 and 5 %; a note says so, since its results compare with no published ones.
 *
 * Looks for `text8` and `text8.zip` in the data folder and its subfolder `text8`, then in the cache; else downloads.
 * The symbols are the space and the letters, in this order, whether or not a prefix has them all.
 *
 * Errors: RNNX_DATA_MISSING, RNNX_DATA_CHECKSUM, RNNX_DATA_INVALID (another character; offset), RNNX_DATA_EMPTY,
 * RNNX_OPTION_INVALID (more characters than the file has), RNNX_DATA_UNSAFE, RNNX_DATA_OFFLINE, RNNX_DATA_DOWNLOAD,
 * RNNX_DATA_TRUNCATED.
 */
export const text8 = definePlugin<'dataset', Text8Options>({
  kind: 'dataset',
  name: 'text8',
  summary: 'text8, characters of cleaned Wikipedia: 90 million for training, 27 symbols; or a prefix of it',
  core: '^0.1.0',
  paper: {
    title: 'Subword Language Modeling with Neural Networks',
    authors: 'T. Mikolov, I. Sutskever, A. Deoras, H.-S. Le, S. Kombrink, J. Černocký',
    year: 2012,
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      path: {
        description: 'a copy of text8 or a prefix of it; relative paths start at --data-dir; null: text8, text8.zip',
        type: ['string', 'null'],
        minLength: 1,
        default: null,
      },
      characters: {
        description: 'use the first so many characters only, split into 90, 5 and 5 %; null: all',
        type: ['integer', 'null'],
        minimum: held,
        default: null,
      },
      ...publishedSchema('text8.zip is', 'http://mattmahoney.net/dc/'),
    },
  },
  create: (options) => new Text8Provider(options),
});

interface Found {
  readonly location: string;
  readonly bytes: Buffer;
  readonly sha256: string;
}

class Text8Provider implements DatasetProvider {
  readonly #options: Text8Options;

  constructor(options: Text8Options) {
    this.#options = options;
  }

  async load(context: LoadContext): Promise<Dataset> {
    context.signal?.throwIfAborted();
    const found = await this.#find(context);
    context.signal?.throwIfAborted();
    const { bytes, location } = found;
    const size = this.#options.characters ?? bytes.length;
    if (size > bytes.length)
      throw new RnnxError('RNNX_OPTION_INVALID', `${location} is shorter than the option "characters"`, {
        got: String(size),
        expected: `at most ${bytes.length}`,
        remedy: 'lower "characters", or leave it out to use the whole file',
      });
    if (size < held)
      throw new RnnxError('RNNX_DATA_EMPTY', `${location} is too short to be split`, {
        got: `${size} characters`,
        expected: `at least ${held}`,
        remedy: 'use a longer prefix',
      });
    const tokens = encode(bytes.subarray(0, size), location);
    const share = Math.floor(size / held);
    const split = (from: number, to: number) =>
      Object.freeze({ kind: 'tokens' as const, tokens: tokens.subarray(from, to) });
    const how = { unit: 'character', eos: false, lowercase: false } as const;
    return Object.freeze({
      name: 'text8',
      task: languageTask(createVocabulary(alphabet), how, 'bits-per-character', undefined),
      splits: Object.freeze({
        train: split(0, size - 2 * share),
        valid: split(size - 2 * share, size - share),
        test: split(size - share, size),
      }),
      notes: Object.freeze([
        note('text', location, { path: location, bytes: bytes.length, sha256: found.sha256 }),
        size === text8File.characters
          ? 'split in this order: 90, 5 and 5 million characters'
          : `a prefix of ${size} characters, split in this order into 90, 5 and 5 %: not the usual split of text8`,
        'licence: GNU Free Documentation License (text of Wikipedia, 2006)',
      ]),
    });
  }

  async #find(context: LoadContext): Promise<Found> {
    const { path, verify, source } = this.#options;
    const local = path === null ? await this.#local(context) : await this.#named(path, context);
    if (local !== undefined) {
      const { content } = await readBinary(local);
      // A named file may be a prefix, for which no checksum is known; the whole file has one.
      return this.#open(local, content, path === null, unverifiedRemedy);
    }
    const url = new URL('text8.zip', source).href;
    const target = join(cacheFolder('text8', { verify, source }, context), 'text8.zip');
    const byHand = `put text8 or text8.zip into a folder and give it as --data-dir, or a prefix as the option "path"`;
    const request = { url, target, label: 'text8.zip', byHand, ...(verify && { sha256: text8File.zipSha256 }) };
    const { content } = await cachedBinary(request, context);
    return this.#open(url, content, true, `delete ${target}, or ${byHand}`);
  }

  async #local(context: LoadContext): Promise<string | undefined> {
    for (const folder of await localFolders(context, 'text8'))
      for (const name of ['text8', 'text8.zip'])
        if ((await kindOf(join(folder, name))) === 'file') return join(folder, name);
    return undefined;
  }

  async #named(path: string, context: LoadContext): Promise<string> {
    for (const candidate of [resolvePath(path, context), resolvePath(join('text8', path), context)])
      if ((await kindOf(candidate)) === 'file') return candidate;
    throw missing(resolvePath(path, context));
  }

  #open(location: string, content: Buffer, whole: boolean, remedy: string): Found {
    const bytes = isZip(content) ? firstOfZip(content, location, text8File.characters) : content;
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const check = this.#options.verify && (whole || bytes.length === text8File.characters);
    if (check && sha256 !== text8File.sha256) throw checksumError(location, sha256, text8File.sha256, remedy);
    return { location, bytes, sha256 };
  }
}

/** Errors: RNNX_DATA_INVALID for a byte that is neither space nor letter. */
function encode(bytes: Uint8Array, location: string): Int32Array {
  const tokens = new Int32Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    const token = byte === 32 ? 0 : byte - 96;
    if (token < 0 || token >= alphabet.length || byte === 96)
      throw invalidFile(
        location,
        i,
        `byte 0x${byte.toString(16).padStart(2, '0')}`,
        'a space or one of the letters a to z',
        'use text8, or the data set "text" with unit "character" for other texts',
      );
    tokens[i] = token;
  }
  return tokens;
}
