import { definePlugin } from '@rnnx/core';
import { type PublishedCorpus, type PublishedOptions, publishedSchema } from './published.js';
import { PublishedWords } from './published-words.js';

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

const licence = 'licence: Creative Commons Attribution-ShareAlike (text of Wikipedia)';
const corpus: PublishedCorpus = { name: 'wikitext-2', title: 'WikiText-2', files: wikiText2Files };

/**
 * WikiText-2, words: Wikipedia articles with case and punctuation; words seen fewer than three times are `<unk>`
 * (Merity et al. 2017, section 4.2). With one `<eos>` a line, blank lines among them, there are
 * 2,088,628 / 217,646 / 245,569 tokens and 33,278 types.
 *
 * Where it looks, and errors: see `PublishedWords`.
 */
export const wikiText2 = definePlugin<'dataset', PublishedOptions>({
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
  create: (options) => new PublishedWords(corpus, licence, options),
});
