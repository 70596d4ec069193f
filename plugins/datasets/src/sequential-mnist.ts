import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  type ClassificationTask,
  createRng,
  type Dataset,
  type DatasetProvider,
  definePlugin,
  type LabelledSplit,
  type LoadContext,
  RnnxError,
} from '@rnnx/core';
import { cachedBinary } from './download.js';
import { type BinaryFile, checksumError, invalidFile, kindOf, readBinary } from './files.js';
import { type IdxBytes, isGzip, readIdx, unpackGzip } from './idx.js';
import { cacheFolder, localFolders, publishedSchema, unverifiedRemedy } from './published.js';
import { note } from './sources.js';

export interface SequentialMnistOptions {
  readonly permutation: number | null;
  readonly side: number;
  readonly validation: number;
  readonly limit: number | null;
  readonly verify: boolean;
  readonly source: string;
}

interface MnistFile {
  /** Without `.gz`. */
  readonly name: string;
  readonly dimensions: number;
  /** SHA-256 of the published file, packed. */
  readonly packed: string;
  /** SHA-256 of its content. */
  readonly sha256: string;
}

/** The four files of MNIST. */
export const mnistFiles = {
  trainImages: {
    name: 'train-images-idx3-ubyte',
    dimensions: 3,
    packed: '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609',
    sha256: 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
  },
  trainLabels: {
    name: 'train-labels-idx1-ubyte',
    dimensions: 1,
    packed: '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c',
    sha256: '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
  },
  testImages: {
    name: 't10k-images-idx3-ubyte',
    dimensions: 3,
    packed: '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6',
    sha256: '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
  },
  testLabels: {
    name: 't10k-labels-idx1-ubyte',
    dimensions: 1,
    packed: 'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6',
    sha256: 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
  },
} as const satisfies Record<string, MnistFile>;

const width = 28;
const classes = Object.freeze(Array.from({ length: 10 }, (_, digit) => String(digit)));
const task: ClassificationTask = Object.freeze({ kind: 'classification', size: 1, classes, metric: 'error-rate' });

/**
 * MNIST read one pixel at a time, the label after the last (Le, Jaitly and Hinton 2015): sequences `[784, 1]` of values in
 * [0, 1], row by row or in one fixed random order. The metric is the error rate in per cent, 100 less the accuracy.
 *
 * The last `validation` training images are for validation: 50,000 / 10,000 / 10,000. `permutation` is the seed of the
 * order in which the pixels of all images are read; step t reads pixel p(t), where p is a permutation: each pixel once.
 * `side` 14, 7 or 4 makes smaller images, each pixel the mean of a block, and so shorter sequences (T = 196, 49, 16); the
 * permutation is then one of those. `limit` takes the first so many images of each split. Results with either compare with
 * no published ones, and a note says so.
 *
 * Files, packed by gzip or not, in the data folder and its subfolders `sequential-mnist`, `mnist` and `MNIST/raw`, else in the
 * cache, else downloaded. Errors: RNNX_DATA_INVALID with the byte offset; RNNX_DATA_UNSAFE; RNNX_DATA_MISSING,
 * RNNX_DATA_CHECKSUM, RNNX_DATA_EMPTY, RNNX_DATA_OFFLINE, RNNX_DATA_DOWNLOAD, RNNX_DATA_TRUNCATED; RNNX_OPTION_INVALID
 * where `validation` leaves nothing to train on.
 */
export const sequentialMnist = definePlugin<'dataset', SequentialMnistOptions>({
  kind: 'dataset',
  name: 'sequential-mnist',
  summary: 'MNIST digits read pixel by pixel, in scan order or permuted: 784 steps, then the label',
  core: '^0.1.0',
  paper: {
    title: 'A Simple Way to Initialize Recurrent Networks of Rectified Linear Units',
    authors: 'Q. V. Le, N. Jaitly, G. E. Hinton',
    year: 2015,
    url: 'https://arxiv.org/abs/1504.00941',
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      permutation: {
        description: 'seed of a fixed random order in which the pixels are read; null: row by row',
        type: ['integer', 'null'],
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        default: null,
      },
      side: {
        description: 'pixels of a side, by averaging blocks; sequences have side x side steps',
        enum: [28, 14, 7, 4],
        default: 28,
      },
      validation: {
        description: 'images at the end of the training file that are for validation',
        type: 'integer',
        minimum: 1,
        default: 10_000,
      },
      limit: {
        description: 'use the first so many images of each split only; null: all',
        type: ['integer', 'null'],
        minimum: 1,
        default: null,
      },
      ...publishedSchema('the four .gz files are', 'https://ossci-datasets.s3.amazonaws.com/mnist/'),
    },
  },
  create: (options) => new SequentialMnistProvider(options),
});

interface Found extends IdxBytes {
  readonly note: string;
  readonly location: string;
}

class SequentialMnistProvider implements DatasetProvider {
  readonly #options: SequentialMnistOptions;

  constructor(options: SequentialMnistOptions) {
    this.#options = options;
  }

  async load(context: LoadContext): Promise<Dataset> {
    context.signal?.throwIfAborted();
    const folder = await this.#localFolder(context);
    const read = (file: MnistFile) => this.#read(file, folder, context);
    const trainImages = await read(mnistFiles.trainImages);
    const trainLabels = await read(mnistFiles.trainLabels);
    const testImages = await read(mnistFiles.testImages);
    const testLabels = await read(mnistFiles.testLabels);
    check(trainImages, trainLabels);
    check(testImages, testLabels);

    const { permutation, side, validation, limit } = this.#options;
    const total = trainImages.shape[0]!;
    if (validation >= total)
      throw new RnnxError('RNNX_OPTION_INVALID', 'The option "validation" leaves no image to train on', {
        got: `${validation} of ${total} images`,
        expected: `at most ${total - 1}`,
        remedy: 'lower "validation"',
      });
    const order = permutation === null ? undefined : pixelOrder(permutation, side);
    const split = (images: Found, labels: Found, from: number, to: number): LabelledSplit => {
      const end = Math.min(to, from + (limit ?? to));
      return Object.freeze({
        kind: 'labelled',
        sequences: Object.freeze(sequencesOf(images.values, from, end, side, order)),
        labels: Int32Array.from(labels.values.subarray(from, end)),
      });
    };
    const splits = {
      train: split(trainImages, trainLabels, 0, total - validation),
      valid: split(trainImages, trainLabels, total - validation, total),
      test: split(testImages, testLabels, 0, testImages.shape[0]!),
    };
    const counts = Object.entries(splits).map(([name, { labels }]) => `${labels.length} ${name}`);
    const smaller = side < width || limit !== null;
    return Object.freeze({
      name: 'sequential-mnist',
      task,
      splits: Object.freeze(splits),
      notes: Object.freeze([
        ...[trainImages, trainLabels, testImages, testLabels].map((file) => file.note),
        `${counts.join(', ')} images of ${side} x ${side} pixels in [0, 1]${smaller ? '; the published results are for 28 x 28 and all images' : ''}`,
        permutation === null ? 'pixels row by row' : `pixels in the random order of seed ${permutation}`,
        'licence: Creative Commons Attribution-ShareAlike 3.0 as usually cited; no text comes with the files (LeCun, Cortes, Burges)',
      ]),
    });
  }

  /** The folder that has one of the files; then all must be there. */
  async #localFolder(context: LoadContext): Promise<string | undefined> {
    for (const folder of await localFolders(context, 'sequential-mnist', 'mnist', join('MNIST', 'raw'))) {
      const files = Object.values(mnistFiles);
      const present = await Promise.all(files.map((file) => localFile(folder, file)));
      const absent = present.indexOf(undefined);
      if (present.every((path) => path === undefined)) continue;
      if (absent < 0) return folder;
      throw new RnnxError('RNNX_DATA_MISSING', `${folder} has only a part of MNIST`, {
        got: `no ${files[absent]!.name}.gz`,
        expected: files.map(({ name }) => `${name}.gz`).join(', '),
        remedy: 'add the file, or give another --data-dir',
      });
    }
    return undefined;
  }

  async #read(file: MnistFile, folder: string | undefined, context: LoadContext): Promise<Found> {
    const { verify } = this.#options;
    const local = folder === undefined ? undefined : await localFile(folder, file);
    const [location, found] =
      local === undefined ? await this.#cached(file, context) : ([local, await readBinary(local)] as const);
    context.signal?.throwIfAborted();
    const packed = isGzip(found.content);
    const content = packed ? unpackGzip(found.content, location) : found.content;
    const idx = readIdx(content, packed ? `${location} (unpacked)` : location, file.dimensions);
    const sha256 = packed ? createHash('sha256').update(content).digest('hex') : found.sha256;
    if (verify && sha256 !== file.sha256) throw checksumError(location, sha256, file.sha256, unverifiedRemedy);
    return { ...idx, location, note: note(file.name, location, found) };
  }

  async #cached(file: MnistFile, context: LoadContext): Promise<readonly [string, BinaryFile]> {
    const { verify, source } = this.#options;
    const name = `${file.name}.gz`;
    const url = new URL(name, source).href;
    const target = join(cacheFolder('mnist', { verify, source }, context), name);
    const byHand = 'put the four files of MNIST into a folder and give it as --data-dir';
    const request = { url, target, label: name, byHand, ...(verify && { sha256: file.packed }) };
    return [url, await cachedBinary(request, context)];
  }
}

/** Packed or not; also under the names that some copies have (`train-images.idx3-ubyte`). */
async function localFile(folder: string, { name }: MnistFile): Promise<string | undefined> {
  for (const candidate of [`${name}.gz`, name, name.replace('-idx', '.idx')])
    if ((await kindOf(join(folder, candidate))) === 'file') return join(folder, candidate);
  return undefined;
}

/** Images and labels that belong together. Errors: RNNX_DATA_INVALID, RNNX_DATA_EMPTY. */
function check(images: Found, labels: Found): void {
  const [count, rows, columns] = images.shape as [number, number, number];
  if (rows !== width || columns !== width)
    throw invalidFile(images.location, 8, `images of ${rows} x ${columns}`, `${width} x ${width} pixels`);
  if (labels.shape[0] !== count)
    throw invalidFile(labels.location, 4, `${labels.shape[0]} labels`, `${count}, one for each image`);
  if (count === 0)
    throw new RnnxError('RNNX_DATA_EMPTY', `${images.location} has no image`, {
      got: '0 images',
      expected: 'at least one',
      remedy: 'get the file again from its source; docs/datasets.md names it',
    });
  const wrong = labels.values.findIndex((label) => label >= classes.length);
  if (wrong >= 0) throw invalidFile(labels.location, 8 + wrong, `label ${labels.values[wrong]}`, 'a digit from 0 to 9');
}

/** Pixel that each step reads: a permutation of 0 .. side² - 1, a function of the seed alone. */
export function pixelOrder(seed: number, side = width): Int32Array {
  return createRng(seed)
    .stream('sequential-mnist/permutation')
    .permutation(side * side);
}

/** Images `from .. to-1` as sequences, views of one array. */
function sequencesOf(
  images: Uint8Array,
  from: number,
  to: number,
  side: number,
  order: Int32Array | undefined,
): Float32Array[] {
  const steps = side * side;
  const block = width / side;
  const values = new Float32Array((to - from) * steps);
  const sums = new Float64Array(steps);
  for (let n = from; n < to; n++) {
    sums.fill(0);
    const image = n * width * width;
    for (let row = 0; row < width; row++)
      for (let column = 0; column < width; column++)
        sums[Math.floor(row / block) * side + Math.floor(column / block)]! += images[image + row * width + column]!;
    for (let t = 0; t < steps; t++)
      values[(n - from) * steps + t] = sums[order === undefined ? t : order[t]!]! / (255 * block * block);
  }
  return Array.from({ length: to - from }, (_, n) => values.subarray(n * steps, (n + 1) * steps));
}
