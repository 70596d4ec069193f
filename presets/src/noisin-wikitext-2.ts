import { type NoisinTable, noisinPresets } from './noisin.js';
import type { Preset } from './preset.js';

/**
 * Dieng et al. (2018), table 2: WikiText-2. The validation and test perplexities of the large LSTM without noise, 176 and 140,
 * stand in another proportion than all others; a digit may be misprinted.
 */
const table2: NoisinTable = {
  lstm: {
    none: { medium: [null, 141, 136], large: [null, 176, 140] },
    gaussian: { medium: [1.0, 92.7, 87.8], large: [1.37, 87.7, 83.4] },
    logistic: { medium: [1.0, 93.2, 88.4], large: [1.28, 88.1, 83.5] },
    laplace: { medium: [1.0, 95.3, 89.8], large: [1.28, 88.0, 83.4] },
    gamma: { medium: [0.72, 97.6, 92.9], large: [1.39, 89.2, 84.5] },
    bernoulli: { medium: [0.54, 91.2, 86.6], large: [0.41, 86.9, 83.0] },
    gumbel: { medium: [1.0, 95.4, 90.9], large: [1.28, 88.7, 84.0] },
    beta: { medium: [0.8, 91.1, 87.2], large: [1.5, 86.9, 82.9] },
    'chi-square': { medium: [0.2, 111, 105], large: [1.5, 99.0, 92.9] },
  },
  dropout: {
    none: { medium: [null, 88.7, 84.8], large: [null, 95.0, 91.0] },
    gaussian: { medium: [0.5, 86.3, 82.3], large: [0.69, 81.4, 77.7] },
    logistic: { medium: [0.4, 86.4, 82.5], large: [0.77, 81.6, 78.1] },
    laplace: { medium: [0.4, 85.6, 82.1], large: [0.61, 83.2, 79.1] },
    gamma: { medium: [0.3, 86.5, 82.4], large: [0.31, 85.5, 81.3] },
    bernoulli: { medium: [0.5, 100.6, 94.4], large: [0.64, 80.8, 76.8] },
    gumbel: { medium: [0.3, 86.4, 82.4], large: [0.53, 83.7, 80.1] },
    beta: { medium: [0.1, 86.2, 82.3], large: [0.6, 81.5, 77.9] },
    'chi-square': { medium: [0.2, 92.0, 87.4], large: [0.29, 87.1, 82.8] },
  },
};

export const noisinWikiText2: readonly Preset[] = noisinPresets('wikitext-2', {
  name: 'Table 2',
  targets: 'noisin-2-wt2',
  cells: table2,
});
