import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ClozeSplit,
  type Dataset,
  type DatasetProvider,
  definePlugin,
  type LoadContext,
  RnnxError,
  type SplitName,
} from '@rnnx/core';
import { ClozeBuilder, type ClozeOptions, clozeSchema, describeShares } from './cloze.js';
import { splitNames } from './corpus.js';
import { kindOf } from './files.js';
import { localFolders } from './published.js';
import { readQuestion } from './question-file.js';
import { closestSentences } from './sentences.js';
import { resolvePath } from './sources.js';

export interface CnnQaOptions extends ClozeOptions {
  readonly path: string | null;
  readonly sentences: number | null;
  readonly examples: number | null;
}

/** Folders of the corpus by split, as its archive has them. */
export const cnnQaFolders: Readonly<Record<SplitName, string>> = {
  train: 'training',
  valid: 'validation',
  test: 'test',
};

const suffix = '.question';
/** Files open at once. */
const parallel = 32;
const howToGet =
  'get cnn.tgz (or dailymail.tgz) by hand from https://cs.nyu.edu/~kcho/DMQA/, unpack it, and give as --data-dir the ' +
  'folder that has questions/training, questions/validation and questions/test; or take the data set synthetic-cloze';

/**
 * CNN question answering (Hermann et al. 2015), or any questions in its form: `training`, `validation` and `test`, each with
 * a `.question` file a question; see `parseQuestion` for the form. Percentage of wrong answers.
 *
 * `sentences` keeps the sentences closest to the question (see `closestSentences`), as Cooijmans et al. (2016) do with four;
 * where the answer is in none of them no model can read it, and the notes state how often that is. The vocabulary is that of
 * the selected passages and the questions of train.
 *
 * The corpus must be fetched by hand. Looked for in the data folder and its subfolders `cnn-qa`, `cnn` and `questions`.
 *
 * Errors: RNNX_DATA_MISSING with what to place where; RNNX_DATA_EMPTY; RNNX_DATA_INVALID with the byte offset;
 * RNNX_DATA_ENCODING; RNNX_OPTION_CONFLICT (a vocabulary too small for the markers).
 */
export const cnnQa = definePlugin<'dataset', CnnQaOptions>({
  kind: 'dataset',
  name: 'cnn-qa',
  summary:
    'CNN question answering, or other cloze questions in .question files: which entity stands at the placeholder',
  core: '^0.1.0',
  paper: {
    title: 'Teaching Machines to Read and Comprehend',
    authors: 'K. M. Hermann, T. Kočiský, E. Grefenstette, L. Espeholt, W. Kay, M. Suleyman, P. Blunsom',
    year: 2015,
    url: 'https://arxiv.org/abs/1506.03340',
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      path: {
        description:
          'folder with training, validation and test; relative paths start at --data-dir; null: known places',
        type: ['string', 'null'],
        minLength: 1,
        default: null,
      },
      sentences: {
        description: 'sentences of the passage to keep, those that share most words with the question; null: all',
        type: ['integer', 'null'],
        minimum: 1,
        default: 4,
      },
      ...clozeSchema,
      vocabularySize: {
        description: 'largest vocabulary, <unk>, placeholder and markers included; the rarest words become <unk>',
        type: ['integer', 'null'],
        minimum: 4,
        default: null,
      },
      minCount: {
        description: 'words that training has less often become <unk>',
        type: 'integer',
        minimum: 1,
        default: 1,
      },
      examples: {
        description: 'use the first so many questions of each split only, by file name; null: all',
        type: ['integer', 'null'],
        minimum: 1,
        default: null,
      },
      seed: {
        description:
          'seed of the markers that shuffleEntities gives when loading; independent of the seeds of the runs',
        type: 'integer',
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        default: 1,
      },
    },
  },
  create: (options) => new CnnQaProvider(options),
});

class CnnQaProvider implements DatasetProvider {
  readonly #options: CnnQaOptions;

  constructor(options: CnnQaOptions) {
    this.#options = options;
  }

  async load(context: LoadContext): Promise<Dataset> {
    context.signal?.throwIfAborted();
    const { sentences } = this.#options;
    const folder = await this.#find(context);
    const builder = new ClozeBuilder();
    for (const split of splitNames) await this.#read(split, join(folder, cnnQaFolders[split]), builder, context);
    const dataset = builder.build('cnn-qa', this.#options);
    return Object.freeze({
      ...dataset,
      notes: Object.freeze([
        `questions: ${folder}`,
        sentences === null ? 'passages are whole' : `passages: the ${sentences} sentences closest to the question`,
        ...describeShares(dataset.task, dataset.splits as Record<SplitName, ClozeSplit>),
        'licence: none stated; the articles are those of the publisher',
      ]),
    });
  }

  async #find(context: LoadContext): Promise<string> {
    const { path } = this.#options;
    const tops = path === null ? await localFolders(context, 'cnn-qa', 'cnn') : [resolvePath(path, context)];
    const folders = tops.flatMap((top) => [top, join(top, 'questions')]);
    for (const folder of folders) {
      const kinds = await Promise.all(splitNames.map((split) => kindOf(join(folder, cnnQaFolders[split]))));
      if (!kinds.includes('folder')) continue;
      const absent = splitNames.filter((_, i) => kinds[i] !== 'folder').map((split) => cnnQaFolders[split]);
      if (absent.length === 0) return folder;
      throw new RnnxError('RNNX_DATA_MISSING', `${folder} has only a part of the questions`, {
        got: `no ${absent.join(', no ')}`,
        expected: splitNames.map((split) => cnnQaFolders[split]).join(', '),
        remedy: howToGet,
      });
    }
    throw new RnnxError('RNNX_DATA_MISSING', 'The questions of cnn-qa are not there, and cannot be downloaded', {
      got: folders.length === 0 ? 'no --data-dir' : `none of training, validation, test in ${folders.join(', ')}`,
      expected: 'a folder with training, validation and test',
      remedy: howToGet,
    });
  }

  async #read(split: SplitName, folder: string, builder: ClozeBuilder, context: LoadContext): Promise<void> {
    const { sentences, examples } = this.#options;
    const all = (await readdir(folder)).filter((name) => name.endsWith(suffix)).sort();
    const names = all.slice(0, examples ?? all.length);
    if (names.length === 0)
      throw new RnnxError('RNNX_DATA_EMPTY', `The ${split} split is empty`, {
        got: `no ${suffix} file in ${folder}`,
        expected: 'at least one',
        remedy: howToGet,
      });
    for (let first = 0; first < names.length; first += parallel) {
      context.signal?.throwIfAborted();
      const group = names.slice(first, first + parallel);
      const questions = await Promise.all(group.map((name) => readQuestion(join(folder, name))));
      for (const { passage, question, answer } of questions) {
        const kept = sentences === null ? passage : closestSentences(passage, question, sentences);
        builder.add(split, { passage: kept, question, answer });
      }
    }
  }
}
