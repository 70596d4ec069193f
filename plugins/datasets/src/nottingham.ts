import { definePlugin } from '@rnnx/core';
import {
  type MusicCorpus,
  type PolyphonicOptions,
  PolyphonicProvider,
  polyphonicPaper,
  polyphonicSchema,
} from './polyphonic.js';

const corpus: MusicCorpus = {
  name: 'nottingham',
  title: 'Nottingham',
  files: [
    {
      name: 'Nottingham.mat',
      format: 'mat',
      sha256: 'd154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea',
    },
    { name: 'Nottingham.pickle', format: 'pickle' },
  ],
};

/**
 * Nottingham: 1,037 British and American folk tunes with chords; 176,561 / 45,513 / 44,463 steps.
 * Options, metric, forms and errors: see `PolyphonicProvider`.
 */
export const nottingham = definePlugin<'dataset', PolyphonicOptions>({
  kind: 'dataset',
  name: 'nottingham',
  summary: 'Nottingham, piano rolls of 88 notes: 694 folk tunes with chords for training',
  core: '^0.1.0',
  paper: polyphonicPaper,
  schema: polyphonicSchema,
  create: (options) => new PolyphonicProvider(corpus, options),
});
