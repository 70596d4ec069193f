import { polyphonicMusic } from './polyphonic.js';

/**
 * MuseData: 783 pieces of orchestral and piano classical music; 245,202 / 82,755 / 64,339 steps.
 * Options, metric, forms and errors: see `polyphonicMusic`.
 */
export const museData = polyphonicMusic({
  name: 'muse-data',
  title: 'MuseData',
  summary: 'MuseData, piano rolls of 88 notes: 524 orchestral and piano pieces for training',
  files: [
    { name: 'MuseData.mat', format: 'mat', sha256: 'e8d9eb422ec3833c25f43a9f854d4ee0b9118a20b45f2c183395cdc30ffa14ff' },
    { name: 'MuseData.pickle', format: 'pickle' },
  ],
});
