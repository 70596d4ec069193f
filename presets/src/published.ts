import type { SplitName } from '@rnnx/core';
import type { Published } from './preset.js';

/** A printed accuracy in per cent as the error rate that a run reports: 98.9 % is 1.1 %. The one place that converts. */
export function accuracy(split: SplitName, printed: number, target: string): Published {
  return {
    split,
    metric: 'error-rate',
    value: Math.round((100 - printed) * 1e6) / 1e6, // 100 - 98.9 is not 1.1 in binary
    printed: { metric: 'accuracy', value: printed },
    targets: [target],
  };
}

const labels: Readonly<Record<Published['metric'], string>> = {
  perplexity: 'perplexity',
  'bits-per-character': 'bits-per-character',
  'nll-per-step': 'nll-per-step',
  'error-rate': 'error %',
};

/** For people: `test perplexity 71.4`, `test error % 1.1 (accuracy 98.9)`. */
export function describePublished({ split, metric, value, printed }: Published): string {
  return `${split} ${labels[metric]} ${value}${printed ? ` (${printed.metric} ${printed.value})` : ''}`;
}
