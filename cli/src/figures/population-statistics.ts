import type { Snapshot } from '@rnnx/core';
import type { Curves, Point } from '../report/chart.js';

/** Units that a plot has room for. */
const shownUnits = 12;

/**
 * Population statistics of a batch-normalised network against the time step, a curve for each of a few units spread over the
 * layer (Cooijmans et al. 2016, figure 1): a transient, then constant. A chart for each normalised quantity and statistic.
 *
 * @param snapshot a checkpoint with tensors `statistics/<quantity>/<product>/<step>`, `[2, 1, units]` each: means, then variances
 * @returns nothing for a network without such statistics
 */
export function populationStatistics({ tensors }: Snapshot, label: string): readonly Curves[] {
  const quantities = new Map<string, (readonly [step: number, values: Float32Array])[]>();
  for (const [name, { data }] of Object.entries(tensors)) {
    const [, quantity, step] = /^statistics\/(.+)\/(\d+)$/.exec(name) ?? [];
    if (quantity === undefined) continue;
    for (const [half, statistic] of ['mean', 'variance'].entries()) {
      const key = `${statistic} of ${quantity.replace(/\/0$/, '')}`;
      const values = data.slice((half * data.length) / 2, ((half + 1) * data.length) / 2) as Float32Array;
      quantities.set(key, [...(quantities.get(key) ?? []), [Number(step), values]]);
    }
  }
  return [...quantities].flatMap(([title, unordered]): Curves[] => {
    const steps = unordered.sort(([a], [b]) => a - b);
    const units = steps[0]![1].length;
    const shown = Math.min(units, shownUnits);
    if (steps.length < 2) return [];
    const series = Array.from({ length: shown }, (_, n) => {
      const unit = Math.floor((n * units) / shown);
      return { name: `unit ${unit}`, colour: n, points: steps.map(([t, values]): Point => [t, values[unit]!]) };
    });
    return [
      { kind: 'curves', title: `${label}: ${title}`, x: { name: 'time step', whole: true }, y: { name: '' }, series },
    ];
  });
}
