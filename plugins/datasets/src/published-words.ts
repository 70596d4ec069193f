import type { DatasetProvider, LoadContext } from '@rnnx/core';
import { createCorpus } from './corpus.js';
import { cachedCorpus, localCorpus, type PublishedCorpus, type PublishedOptions } from './published.js';

/**
 * A published corpus of words: tokens as they stand in its files, one `<eos>` a line, measured by perplexity.
 *
 * Looks in the data folder and its subfolder of the corpus' name, then in the cache; else downloads.
 *
 * Errors: RNNX_DATA_CHECKSUM, RNNX_DATA_MISSING, RNNX_DATA_OFFLINE, RNNX_DATA_DOWNLOAD, RNNX_DATA_TRUNCATED.
 */
export class PublishedWords implements DatasetProvider {
  readonly #corpus: PublishedCorpus;
  readonly #licence: string;
  readonly #options: PublishedOptions;

  constructor(corpus: PublishedCorpus, licence: string, options: PublishedOptions) {
    this.#corpus = corpus;
    this.#licence = licence;
    this.#options = options;
  }

  async load(context: LoadContext) {
    context.signal?.throwIfAborted();
    const { texts, notes } =
      (await localCorpus(this.#corpus, this.#options.verify, context)) ??
      (await cachedCorpus(this.#corpus, this.#options, context));
    return createCorpus(texts, {
      name: this.#corpus.name,
      unit: 'word',
      eos: true,
      lowercase: false,
      vocabularySize: null,
      unknown: 'error',
      unknownRemedy: 'use the published files, or the data set "text", which can map such tokens to <unk>',
      metric: 'perplexity',
      notes: [...notes, this.#licence],
    });
  }
}
