import { duration, number, signed } from '../terminal/format.js';
import { bestEpoch, type Cell, cellOf, type ReportRow, statusOf } from './report.js';

/** The columns of a table of results, in order. */
export const columns = [
  'row',
  'valid: paper',
  'valid: ours',
  'difference',
  'test: paper',
  'test: ours',
  'difference',
  'epochs',
  'tokens/s',
  'time',
  'configuration',
  'state',
] as const;

/** What stands for a number that there is not. */
export const none = '–';

/** A table of results as text, without columns that are empty in every row. */
export function resultTable(rows: readonly ReportRow[]): {
  readonly head: readonly string[];
  readonly body: readonly (readonly string[])[];
} {
  const texts = rows.map(textsOf);
  const filled = columns.map((_, i) => texts.some((row) => row[i] !== none));
  const keep = <T>(values: readonly T[]) => values.filter((_, i) => filled[i]);
  return { head: keep(columns), body: texts.map(keep) };
}

/** One row as text, in the order of `columns`. */
export function textsOf(row: ReportRow): readonly string[] {
  const [valid, test] = [cellOf(row, 'valid'), cellOf(row, 'test')];
  return [
    row.label,
    published(valid),
    ours(valid),
    difference(valid),
    published(test),
    ours(test),
    difference(test),
    epochs(row),
    speed(row),
    time(row),
    row.hash,
    state(row),
  ];
}

function published({ published: value }: Cell): string {
  return value === null ? none : String(value);
}

/** Mean ± standard deviation over seeds; a star where a run behind it has not finished. */
function ours({ ours: value, partial }: Cell): string {
  if (value === null) return none;
  const spread = value.deviation === null ? '' : ` ± ${number(value.deviation)} (n = ${value.n})`;
  return `${number(value.mean)}${spread}${partial ? ' *' : ''}`;
}

function difference({ difference: value }: Cell): string {
  return value === null
    ? none
    : `${signed(value.absolute)} (${value.percent < 0 ? '-' : '+'}${Math.abs(value.percent).toFixed(1)} %)`;
}

/** Epochs done, those planned, and those of the paper where they differ. */
function epochs({ runs, epochs: planned, paperEpochs }: ReportRow): string {
  const done = runs.flatMap(({ data }) => (data === undefined ? [] : [data.epochs.length]));
  const [fewest, most] = [Math.min(...done), Math.max(...done)];
  const trained = done.length === 0 ? '0' : fewest === most ? String(most) : `${fewest}-${most}`;
  const paper = paperEpochs === undefined ? '' : `, paper ${paperEpochs}`;
  return `${trained} of ${planned}${paper}`;
}

function speed({ runs }: ReportRow): string {
  const speeds = runs.flatMap(({ data }) => (data?.tokensPerSecond ? [data.tokensPerSecond] : []));
  return speeds.length === 0 ? none : String(Math.round(speeds.reduce((a, b) => a + b, 0) / speeds.length));
}

function time({ runs }: ReportRow): string {
  const seconds = runs.reduce((sum, { data }) => sum + (data?.seconds ?? 0), 0);
  return seconds === 0 ? none : duration(seconds);
}

function state(row: ReportRow): string {
  const notes = [...new Set(row.runs.flatMap(({ note }) => (note === undefined ? [] : [note])))];
  const status = statusOf(row);
  const best = status === 'unfinished' ? row.runs.map(({ data }) => bestEpoch(data)?.epoch ?? 0) : [];
  const at = best.some((epoch) => epoch > 0) ? `best epoch so far ${best.join(', ')}` : '';
  return [status, row.problem, at, ...notes].filter(Boolean).join('; ');
}
