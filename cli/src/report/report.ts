import type { ExperimentConfig, Score, Task } from '@rnnx/core';
import type { Choice, Published, SearchRange } from '@rnnx/presets';
import { type Spread, spreadOf } from '../terminal/comparison.js';
import type { Chart } from './chart.js';
import type { EpochPoint, RunData } from './run-data.js';

/** How far a row has come: over all of its seeds. */
export type RowStatus = 'finished' | 'unfinished' | 'failed' | 'impossible' | 'not begun';

/** One seed of a row. */
export interface RowRun {
  readonly seed: number;
  /** `undefined` before its first checkpoint. */
  readonly data: RunData | undefined;
  /** Scores with the best checkpoint of an unfinished run, where they were taken. */
  readonly scored?: { readonly epoch: number; readonly valid?: Score; readonly test?: Score };
  /** Why it has no result: a failure's message, or what stopped it. */
  readonly note?: string;
  readonly failed?: boolean;
}

/** One experiment over its seeds, beside what was published. */
export interface ReportRow {
  readonly name: string;
  readonly label: string;
  /** Table of the paper, or `undefined` for runs that belong to none. */
  readonly table?: string;
  /** Complete, without seeds that matter. */
  readonly config: ExperimentConfig;
  readonly hash: string;
  readonly metric: Task['metric'];
  readonly published: readonly Published[];
  /** What the paper leaves open, and how it was decided. */
  readonly choices?: readonly Choice[];
  /** What the paper searched at random to find the settings of the row. */
  readonly ranges?: readonly SearchRange[];
  /** Where it is a setting of such a search: of which row, and what was drawn, by the names of the ranges. */
  readonly search?: { readonly of: string; readonly label: string; readonly values: Readonly<Record<string, number>> };
  /** Epochs that this row is trained for at most, and those of the paper's settings where they differ. */
  readonly epochs: number;
  readonly paperEpochs?: number;
  readonly command: string;
  readonly runs: readonly RowRun[];
  /** Why it cannot run here. */
  readonly problem?: string;
}

/** Everything that a page shows. */
export interface Report {
  readonly title: string;
  readonly subtitle: string;
  readonly notes: readonly string[];
  readonly rows: readonly ReportRow[];
  /** Named plots with a sentence each, in order. */
  readonly figures: readonly ReportFigure[];
  readonly command: string;
}

export interface ReportFigure {
  readonly id: string;
  readonly title: string;
  readonly caption: string;
  readonly charts: readonly Chart[];
}

/** One number of a table. */
export interface Cell {
  readonly split: Published['split'];
  readonly published: number | null;
  readonly ours: (Spread & { readonly n: number }) | null;
  /** Ours less the published number, and in percent of it. */
  readonly difference: { readonly absolute: number; readonly percent: number } | null;
  /** Not all of its runs have finished: their best epoch so far stands for them. */
  readonly partial: boolean;
}

export function cellOf(row: ReportRow, split: 'valid' | 'test'): Cell {
  const entry = row.published.find((each) => each.split === split && each.metric === row.metric);
  const published = entry?.printed?.value ?? entry?.value ?? null;
  const values: number[] = [];
  let partial = false;
  for (const { data, scored } of row.runs) {
    const finished = data?.result?.scores[split];
    const early =
      finished === undefined ? (scored?.[split] ?? (split === 'valid' && bestEpoch(data)?.valid)) : undefined;
    const score = finished ?? (early || undefined);
    if (score === undefined || !Number.isFinite(score.metric)) continue;
    values.push(asPrinted(row, score.metric));
    if (finished === undefined) partial = true;
  }
  const ours = values.length === 0 ? null : { ...spreadOf(values), n: values.length };
  const absolute = ours === null || published === null ? null : ours.mean - published;
  const difference = absolute === null ? null : { absolute, percent: (100 * absolute) / published! };
  return { split, published, ours, difference, partial };
}

/** A metric as the paper prints it: an accuracy where we count errors. */
function asPrinted({ published }: ReportRow, metric: number): number {
  return published.some(({ printed }) => printed?.metric === 'accuracy') ? 100 - metric : metric;
}

/** The epoch with the best validation metric so far. */
export function bestEpoch(data: RunData | undefined): EpochPoint | undefined {
  return data?.epochs.findLast(({ best }) => best);
}

export function statusOf({ runs, problem }: ReportRow): RowStatus {
  if (runs.length > 0 && runs.every(({ data }) => data?.result !== undefined)) return 'finished';
  if (problem !== undefined) return 'impossible';
  if (runs.some(({ failed }) => failed)) return 'failed';
  return runs.some(({ data }) => data !== undefined) ? 'unfinished' : 'not begun';
}

/** Tables of the report in the order in which their first row comes. */
export function tablesOf(rows: readonly ReportRow[]): ReadonlyMap<string, readonly ReportRow[]> {
  const tables = new Map<string, ReportRow[]>();
  for (const row of rows) {
    const name = row.table ?? 'Runs';
    tables.set(name, [...(tables.get(name) ?? []), row]);
  }
  return tables;
}
