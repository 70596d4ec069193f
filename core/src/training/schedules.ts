import type { ScheduleConfig } from '../experiment/config.js';

/**
 * Learning rate of an epoch. A pure function of what has happened, so nothing of it needs saving.
 *
 * - `constant`: base
 * - `zaremba`: base · factor^max(0, epoch - after) (Zaremba, Sutskever, Vinyals 2014, section 4.1)
 * - `plateau`: base · factor^n, n finished epochs that did not better the best validation metric before them
 *
 * @param base the optimizer's learning rate
 * @param epoch from 1
 * @param history validation metric of each finished epoch, lower is better
 */
export function scheduledRate(
  schedule: ScheduleConfig,
  base: number,
  epoch: number,
  history: readonly number[],
): number {
  switch (schedule.name) {
    case 'constant':
      return base;
    case 'zaremba':
      return base * schedule.factor ** Math.max(0, epoch - schedule.after);
    case 'plateau':
      return base * schedule.factor ** plateaus(history);
  }
}

function plateaus(history: readonly number[]): number {
  let best = Number.POSITIVE_INFINITY;
  let count = 0;
  for (const metric of history) {
    if (metric < best) best = metric;
    else count++;
  }
  return count;
}
