import { atEvaluation, learnedNoise, learnedSpread } from './iclr.js';
import { rowOf } from './papers.js';
import type { Choice, Preset } from './preset.js';
import { bestCheckpoint, zaremba } from './zaremba.js';

/** "Noise-based regularizers for recurrent neural networks" (submitted to ICLR 2018), table 3: 2x200 LSTM on WikiText-2. */
const table3 = { noisin: 104.7, none: 105.8 };

const setup: readonly Choice[] = [
  {
    name: 'training',
    text: 'Steps of back-propagation (20), epochs (13), start and the summed loss are those of the small network of Zaremba et al. (2014), from whose setup the paper departs.',
  },
  { name: 'embedding', text: 'It has 200 units and a matrix of its own, as in that network.' },
];

export const iclrWikiText2: readonly Preset[] = (['noisin', 'none'] as const).map((method) => {
  const name = `iclr-wikitext-2-${method}`;
  const label = method === 'noisin' ? 'NOISIN' : 'None';
  return {
    name,
    title: `2x200 LSTM, ${label}, on WikiText-2`,
    summary: 'WikiText-2 by words with the small network of Zaremba et al. (2014), minibatches of 32.',
    paper: rowOf('noise-based-regularizers', 'Table 3', label),
    choices: [...setup, bestCheckpoint, ...(method === 'noisin' ? [learnedSpread, atEvaluation] : [])],
    published: [
      { split: 'test', metric: 'perplexity', value: table3[method], targets: [`noisebased-3-wt2-${method}-test`] },
    ],
    config: {
      name,
      dataset: 'wikitext-2',
      regularizers: method === 'noisin' ? [learnedNoise] : [],
      ...zaremba('small', false, 32),
    },
  };
});
