import type { PublishedRow } from './preset.js';

type Key = keyof typeof titles;

const titles = {
  noisin: 'Noisin: Unbiased Regularization for Recurrent Neural Networks',
  'noise-based-regularizers': 'Noise-Based Regularizers for Recurrent Neural Networks',
  'recurrent-batch-normalization': 'Recurrent Batch Normalization',
  'regularizing-recurrent-networks': 'Regularizing Recurrent Networks - On Injected Noise and Norm-based Methods',
  zaremba: 'Recurrent Neural Network Regularization',
};

/** Keys of the papers: Dieng et al. 2018; its predecessor, submitted to ICLR 2018; Cooijmans et al. 2016; Ognawala and Bayer 2014; Zaremba et al. 2014. */
export function rowOf(key: Key, table: string, row: string): PublishedRow {
  return { key, title: titles[key], table, row };
}
