import { definePlugin } from '@rnnx/core';
import {
  type MusicCorpus,
  type PolyphonicOptions,
  PolyphonicProvider,
  polyphonicPaper,
  polyphonicSchema,
} from './polyphonic.js';

const corpus: MusicCorpus = {
  name: 'muse-data',
  title: 'MuseData',
  files: [
    { name: 'MuseData.mat', format: 'mat', sha256: 'e8d9eb422ec3833c25f43a9f854d4ee0b9118a20b45f2c183395cdc30ffa14ff' },
    { name: 'MuseData.pickle', format: 'pickle' },
  ],
};

/**
 * MuseData: 783 pieces of orchestral and piano classical music; 245,202 / 82,755 / 64,339 steps.
 * Options, metric, forms and errors: see `PolyphonicProvider`.
 */
export const museData = definePlugin<'dataset', PolyphonicOptions>({
  kind: 'dataset',
  name: 'muse-data',
  summary: 'MuseData, piano rolls of 88 notes: 524 orchestral and piano pieces for training',
  core: '^0.1.0',
  paper: polyphonicPaper,
  schema: polyphonicSchema,
  create: (options) => new PolyphonicProvider(corpus, options),
});
