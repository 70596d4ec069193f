import type { Task } from '@rnnx/core';
import type { Published } from '@rnnx/presets';
import type { RunResult } from '../events.js';
import { count, duration, metricLabels, number, signed } from './format.js';
import { table } from './table.js';

/** Mean over seeds, and the sample's standard deviation where there are two or more. */
export interface Spread {
  readonly mean: number;
  readonly deviation: number | null;
}

export function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length < 2) return { mean, deviation: null };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) };
}

/** One variant over its seeds. */
export interface Row {
  readonly variant: string;
  readonly seeds: number;
  readonly metric: Task['metric'];
  readonly parameters: number;
  readonly valid: Spread;
  readonly test: Spread;
  readonly seconds: number;
}

export function summarize(results: readonly RunResult[]): readonly Row[] {
  const variants = [...new Set(results.map(({ variant }) => variant))];
  return variants.map((variant) => {
    const runs = results.filter((result) => result.variant === variant);
    return {
      variant,
      seeds: runs.length,
      metric: runs[0]!.metric,
      parameters: runs[0]!.parameters,
      valid: spreadOf(runs.map(({ scores }) => scores.valid.metric)),
      test: spreadOf(runs.map(({ scores }) => scores.test.metric)),
      seconds: runs.reduce((sum, { seconds }) => sum + seconds, 0),
    };
  });
}

/** One published number beside ours. */
export interface PublishedComparison {
  readonly variant: string;
  readonly split: Published['split'];
  readonly ours: number;
  readonly published: number;
  readonly difference: number;
}

export function comparePublished(
  rows: readonly Row[],
  published: readonly Published[],
): readonly PublishedComparison[] {
  return rows.flatMap((row) =>
    published
      .filter(({ split, metric }) => split !== 'train' && metric === row.metric)
      .map(({ split, value }) => {
        const ours = row[split as 'valid' | 'test'].mean;
        return { variant: row.variant, split, ours, published: value, difference: ours - value };
      }),
  );
}

const withSpread = ({ mean, deviation }: Spread) =>
  deviation === null ? number(mean) : `${number(mean)} ± ${number(deviation)}`;

/** The closing tables: all variants, then ours beside the paper's, then the floor. */
export function renderComparison(
  results: readonly RunResult[],
  published: readonly Published[],
  paper: string | undefined,
): string {
  const rows = summarize(results);
  if (rows.length === 0) return 'No run has finished.';
  const label = metricLabels[rows[0]!.metric];
  const best = rows.reduce((a, b) => (b.valid.mean < a.valid.mean ? b : a));
  const parts = [
    table(
      ['variant', 'seeds', 'parameters', `valid ${label}`, `test ${label}`, 'time', ''],
      rows.map((row) => [
        row.variant,
        String(row.seeds),
        count(row.parameters),
        withSpread(row.valid),
        withSpread(row.test),
        duration(row.seconds),
        rows.length > 1 && row === best ? 'best' : '',
      ]),
      { numeric: [1, 2, 3, 4, 5] },
    ),
  ];
  const comparisons = comparePublished(rows, published);
  if (comparisons.length > 0)
    parts.push(
      table(
        [`${label}`, 'ours', 'paper', 'difference'],
        comparisons.map(({ split, ours, published: theirs, difference }) => [
          split,
          number(ours),
          number(theirs),
          `${signed(difference)} (${signed((100 * difference) / theirs)} %)`,
        ]),
        { numeric: [1, 2, 3] },
      ),
    );
  if (paper !== undefined && comparisons.length > 0) parts.push(paper);
  const floors = new Map(results.flatMap(({ floor }) => (floor ? [[floor.value, floor.description] as const] : [])));
  for (const [value, description] of floors) parts.push(`floor ${label} ${number(value)}: ${description}`);
  return parts.join('\n\n');
}
