import { metricLabels } from '../terminal/format.js';
import type { Chart, Series } from './chart.js';
import { sorted } from './config-hash.js';
import { curvesOver, over } from './curves.js';
import { groupsOf, nameOf, partition } from './groups.js';
import { numbersIn } from './numbers.js';
import { cellOf, type ReportFigure, type ReportRow } from './report.js';
import type { RunData } from './run-data.js';
import { searchFigure, withoutSearches } from './search.js';

/** The papers' figures of whole tables, as far as runs have what they show. */
export function figuresOf(all: readonly ReportRow[]): readonly ReportFigure[] {
  const { table: rows } = withoutSearches(all);
  const search = searchFigure(all);
  const figures: ReportFigure[] = [
    {
      id: 'noise',
      title: 'With and without noise',
      caption:
        'Validation and training over epochs, deterministic network against NOISIN (figure 2 of the ICLR submission): without noise validation turns up while training goes on falling.',
      charts: groupsOf(rows).flatMap(({ title, rows: group }) => noiseCharts(title, group)),
    },
    {
      id: 'accuracy',
      title: 'Validation accuracy',
      caption:
        'In per cent against training steps, for rows whose paper counts accuracy (figure 3 of recurrent batch normalization).',
      charts: groupsOf(rows).flatMap(({ title, rows: group }) => accuracyCharts(title, group)),
    },
    {
      id: 'spectral-radius',
      title: 'Spectral radius over epochs',
      caption:
        'Largest modulus of the eigenvalues of the recurrent matrix after each epoch, mean over matrices (figures 5 to 7 of the music study).',
      charts: groupsOf(rows).flatMap(({ title, rows: group }) => radiusCharts(title, group)),
    },
    {
      id: 'options',
      title: 'Test metric against an option',
      caption: 'Rows that differ in one number of a regularizer only; bars are one standard deviation over seeds.',
      charts: optionCharts(rows),
    },
  ];
  return [...figures.filter(({ charts }) => charts.length > 0), ...(search ? [search] : [])];
}

interface Begun {
  readonly row: ReportRow;
  readonly data: RunData;
}

/** Rows with their first seed that has an epoch. */
function begun(rows: readonly ReportRow[]): readonly Begun[] {
  return rows.flatMap((row) => {
    const data = row.runs.find((run) => (run.data?.epochs.length ?? 0) > 0)?.data;
    return data === undefined ? [] : [{ row, data }];
  });
}

function noiseCharts(title: string, group: readonly ReportRow[]): readonly Chart[] {
  const techniques = ({ row }: Begun) => row.config.regularizers.map(nameOf).join('+');
  const shown = begun(group).filter((each) => ['', 'noisin'].includes(techniques(each)));
  if (new Set(shown.map(techniques)).size < 2) return [];
  return (['valid', 'train'] as const).map((split) =>
    curvesOver(
      'epoch',
      `${split === 'valid' ? 'Validation' : 'Training'}, ${title}`,
      metricLabels[shown[0]!.row.metric],
      shown.map(({ row, data }, colour) => ({ name: row.label, colour, points: over(data, (at) => at[split].metric) })),
    ),
  );
}

function accuracyCharts(title: string, group: readonly ReportRow[]): readonly Chart[] {
  const counted = ({ published }: ReportRow) => published.some(({ printed }) => printed?.metric === 'accuracy');
  const shown = begun(group.filter(counted));
  const stepsKnown = shown.every(({ data }) => data.epochs.every(({ step }) => step !== null));
  const series = shown.map(({ row, data }, colour) => ({
    name: row.label,
    colour,
    points: data.epochs.map(({ step, epoch, valid }) => [stepsKnown ? step! : epoch, 100 - valid.metric] as const),
  }));
  const x = { name: stepsKnown ? 'training step' : 'epoch', whole: true };
  return series.length === 0 ? [] : [{ kind: 'curves', title, x, y: { name: 'accuracy %' }, series }];
}

function radiusCharts(title: string, group: readonly ReportRow[]): readonly Chart[] {
  const series = begun(group).flatMap(({ row, data }, colour): Series[] => {
    const names = Object.keys(data.epochs[0]!.scalars).filter((name) => name.startsWith('spectral-radius/'));
    if (names.length === 0) return [];
    const mean = (scalars: Readonly<Record<string, number>>) =>
      names.reduce((sum, name) => sum + scalars[name]!, 0) / names.length;
    return [{ name: row.label, colour, points: over(data, ({ scalars }) => mean(scalars)) }];
  });
  const y = { name: 'spectral radius' };
  return series.length === 0 ? [] : [{ kind: 'curves', title, x: { name: 'epoch', whole: true }, y, series }];
}

/** A chart for each number of a regularizer that two rows or more differ in, all else being equal. */
function optionCharts(rows: readonly ReportRow[]): readonly Chart[] {
  const measured = rows.flatMap((row) => {
    const { ours } = cellOf(row, 'test');
    return ours === null ? [] : [{ row, ours, numbers: numbersIn(row.config.regularizers) }];
  });
  const paths = new Set(measured.flatMap(({ numbers }) => Object.keys(numbers)));
  return [...paths].flatMap((path): Chart[] => {
    const having = measured.filter(({ numbers }) => path in numbers);
    const lines = partition(having, ({ row }) => restOf(row, path)).filter(
      (line) => new Set(line.map(({ numbers }) => numbers[path])).size > 1,
    );
    if (lines.length === 0) return [];
    const option = path.split('.').at(-1)!;
    const series = lines.map((line, colour): Series => {
      const ascending = [...line].sort((a, b) => a.numbers[path]! - b.numbers[path]!);
      const { row } = ascending[0]!;
      return {
        name: `${nameOf(row.config.dataset)}: ${row.config.regularizers.map(nameOf).join(' + ')}`,
        colour,
        points: ascending.map(({ numbers, ours }) => [numbers[path]!, ours.mean] as const),
        spreads: ascending.map(({ ours }) => ours.deviation),
      };
    });
    const y = { name: `test ${metricLabels[lines[0]![0]!.row.metric]}` };
    return [{ kind: 'curves', title: `Test against ${option}`, x: { name: option }, y, series }];
  });
}

/** All that decides a row's result but one number. */
function restOf({ config, table }: ReportRow, path: string): string {
  const { name: _name, seeds: _seeds, regularizers, ...rest } = config;
  return JSON.stringify([table, sorted(rest), without(regularizers, path.split('.'))]);
}

function without(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined) return null;
  if (Array.isArray(value)) return value.map((inner, i) => (String(i) === key ? without(inner, rest) : sorted(inner)));
  const object = value as Readonly<Record<string, unknown>>;
  return sorted({ ...object, [key]: without(object[key], rest) });
}
