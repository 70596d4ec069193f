import { polyphonicMusic } from './polyphonic.js';

/**
 * Piano-midi.de: 124 classical piano pieces; 75,911 / 8,540 / 19,036 steps.
 * Options, metric, forms and errors: see `polyphonicMusic`.
 */
export const pianoMidi = polyphonicMusic({
  name: 'piano-midi',
  title: 'Piano-midi.de',
  summary: 'Piano-midi.de, piano rolls of 88 notes: 87 classical piano pieces for training',
  files: [
    {
      name: 'Piano_midi.mat',
      format: 'mat',
      sha256: '990a8a71d5764a7eaa3e78d9e5023d1470380fe2db3a1448265a97a24c8b1c34',
    },
    { name: 'Piano-midi.de.pickle', format: 'pickle' },
  ],
});
