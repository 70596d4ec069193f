import { type DatasetProvider, definePlugin, type LoadContext } from '@rnnx/core';
import { createCorpus } from './corpus.js';
import { cachedCorpus, localCorpus, type PublishedCorpus, publishedSchema } from './published.js';

export interface WikiText2Options {
  readonly verify: boolean;
  readonly source: string;
}

/** File and SHA-256 of each split, computed from the official token files. */
export const wikiText2Files = {
  train: {
    name: 'wiki.train.tokens',
    remote: 'train.txt',
    sha256: '9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f',
  },
  valid: {
    name: 'wiki.valid.tokens',
    remote: 'valid.txt',
    sha256: 'f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8',
  },
  test: {
    name: 'wiki.test.tokens',
    remote: 'test.txt',
    sha256: 'd790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0',
  },
} as const;

const corpus: PublishedCorpus = { name: 'wikitext-2', title: 'WikiText-2', files: wikiText2Files };

/**
 * WikiText-2, words: Wikipedia articles with case and punctuation; words seen fewer than three times are `<unk>`
 * (Merity et al. 2017, section 4.2). With one `<eos>` a line, blank lines among them, there are
 * 2,088,628 / 217,646 / 245,569 tokens and 33,278 types.
 *
 * Looks in the data folder and its subfolder `wikitext-2`, then in the cache; else downloads.
 *
 * Errors: RNNX_DATA_CHECKSUM, RNNX_DATA_MISSING, RNNX_DATA_OFFLINE, RNNX_DATA_DOWNLOAD, RNNX_DATA_TRUNCATED.
 */
export const wikiText2 = definePlugin<'dataset', WikiText2Options>({
  kind: 'dataset',
  name: 'wikitext-2',
  summary: 'WikiText-2, words of Wikipedia articles: 2,088,628 training tokens, 33,278 types',
  core: '^0.1.0',
  paper: {
    title: 'Pointer Sentinel Mixture Models',
    authors: 'S. Merity, C. Xiong, J. Bradbury, R. Socher',
    year: 2017,
    url: 'https://arxiv.org/abs/1609.07843',
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: publishedSchema(
      'the three files are',
      'https://raw.githubusercontent.com/pytorch/examples/main/word_language_model/data/wikitext-2/',
    ),
  },
  create: (options) => new WikiText2Provider(options),
});

class WikiText2Provider implements DatasetProvider {
  readonly #options: WikiText2Options;

  constructor(options: WikiText2Options) {
    this.#options = options;
  }

  async load(context: LoadContext) {
    context.signal?.throwIfAborted();
    const { texts, notes } =
      (await localCorpus(corpus, this.#options.verify, context)) ??
      (await cachedCorpus(corpus, this.#options, context));
    return createCorpus(texts, {
      name: 'wikitext-2',
      unit: 'word',
      eos: true,
      lowercase: false,
      vocabularySize: null,
      unknown: 'error',
      unknownRemedy: 'use the published files, or the data set "text", which can map such tokens to <unk>',
      metric: 'perplexity',
      notes: [...notes, 'licence: Creative Commons Attribution-ShareAlike (text of Wikipedia)'],
    });
  }
}
