import { metricLabels } from '../terminal/format.js';
import { type Chart, type Curves, type Point, type Series, upperEnd } from './chart.js';
import type { ReportRow } from './report.js';
import type { EpochPoint, RunData } from './run-data.js';

/** Validation (solid) and training (dashed) metric of a row over its epochs, a colour a seed. */
export function learningCurves(row: ReportRow): Curves | undefined {
  const series = row.runs.flatMap(({ data, seed }, colour): Series[] =>
    data === undefined || data.epochs.length === 0
      ? []
      : [
          { name: `valid, seed ${seed}`, colour, points: over(data, ({ valid }) => valid.metric) },
          { name: `train, seed ${seed}`, colour, points: over(data, ({ train }) => train.metric), dashed: true },
        ],
  );
  return series.length === 0 ? undefined : curvesOver('epoch', row.label, metricLabels[row.metric], series);
}

/**
 * One split of every row of a group, the first seed of each: validation over epochs, training over epochs, validation over
 * steps.
 */
export function groupCurves(rows: readonly ReportRow[]): readonly Chart[] {
  const begun = rows.flatMap((row) => {
    const data = row.runs.find((run) => (run.data?.epochs.length ?? 0) > 0)?.data;
    return data === undefined ? [] : [{ row, data }];
  });
  if (begun.length === 0) return [];
  const label = metricLabels[begun[0]!.row.metric];
  const plot = (x: string, title: string, pointsOf: (data: RunData) => readonly Point[]) =>
    curvesOver(
      x,
      title,
      label,
      begun.map(({ row, data }, colour) => ({ name: row.label, colour, points: pointsOf(data) })),
    );
  const stepsKnown = begun.every(({ data }) => data.epochs.every(({ step }) => step !== null));
  return [
    plot('epoch', 'Validation', (data) => over(data, ({ valid }) => valid.metric)),
    plot('epoch', 'Training', (data) => over(data, ({ train }) => train.metric)),
    ...(stepsKnown
      ? [
          plot('training step', 'Validation against steps', (data) =>
            data.epochs.map((at): Point => [at.step!, at.valid.metric]),
          ),
        ]
      : []),
  ];
}

export function over({ epochs }: RunData, value: (at: EpochPoint) => number): readonly Point[] {
  return epochs.map((at): Point => [at.epoch, value(at)]);
}

/** Curves with an upper end that leaves out how they begin. */
export function curvesOver(x: string, title: string, y: string, series: readonly Series[]): Curves {
  const max = upperEnd(series);
  return {
    kind: 'curves',
    title,
    x: { name: x, whole: true },
    y: { name: y, ...(max === undefined ? {} : { max }) },
    series,
  };
}
