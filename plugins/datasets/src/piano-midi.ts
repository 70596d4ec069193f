import { definePlugin } from '@rnnx/core';
import {
  type MusicCorpus,
  type PolyphonicOptions,
  PolyphonicProvider,
  polyphonicPaper,
  polyphonicSchema,
} from './polyphonic.js';

const corpus: MusicCorpus = {
  name: 'piano-midi',
  title: 'Piano-midi.de',
  files: [
    {
      name: 'Piano_midi.mat',
      format: 'mat',
      sha256: '990a8a71d5764a7eaa3e78d9e5023d1470380fe2db3a1448265a97a24c8b1c34',
    },
    { name: 'Piano-midi.de.pickle', format: 'pickle' },
  ],
};

/**
 * Piano-midi.de: 124 classical piano pieces; 75,911 / 8,540 / 19,036 steps.
 * Options, metric, forms and errors: see `PolyphonicProvider`.
 */
export const pianoMidi = definePlugin<'dataset', PolyphonicOptions>({
  kind: 'dataset',
  name: 'piano-midi',
  summary: 'Piano-midi.de, piano rolls of 88 notes: 87 classical piano pieces for training',
  core: '^0.1.0',
  paper: polyphonicPaper,
  schema: polyphonicSchema,
  create: (options) => new PolyphonicProvider(corpus, options),
});
