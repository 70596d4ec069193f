import { polyphonicMusic } from './polyphonic.js';

/**
 * Nottingham: 1,037 British and American folk tunes with chords; 176,561 / 45,513 / 44,463 steps.
 * Options, metric, forms and errors: see `polyphonicMusic`.
 */
export const nottingham = polyphonicMusic({
  name: 'nottingham',
  title: 'Nottingham',
  summary: 'Nottingham, piano rolls of 88 notes: 694 folk tunes with chords for training',
  files: [
    {
      name: 'Nottingham.mat',
      format: 'mat',
      sha256: 'd154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea',
    },
    { name: 'Nottingham.pickle', format: 'pickle' },
  ],
});
