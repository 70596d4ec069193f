import type { SearchRange } from '@rnnx/presets';
import { metricLabels } from '../terminal/format.js';
import type { Chart, Point, Series } from './chart.js';
import { nameOf, partition } from './groups.js';
import { numbersIn } from './numbers.js';
import { cellOf, type ReportFigure, type ReportRow } from './report.js';

type Continuous = Extract<SearchRange, { readonly from: number }>;

/** Settings of a search that are shown at once. */
export const shownOfSearch = 5;
/** Parts that a range is cut into at most; fewer where there are few runs. */
const mostBins = 10;

/** Rows of a table without the settings of searches, and these. */
export function withoutSearches(rows: readonly ReportRow[]): {
  readonly table: readonly ReportRow[];
  readonly drawn: readonly ReportRow[];
} {
  return { table: rows.filter(({ search }) => !search), drawn: rows.filter(({ search }) => search) };
}

/** Settings of one search, the best validation first, those without one last. */
export function bestFirst(rows: readonly ReportRow[]): readonly ReportRow[] {
  const valid = (row: ReportRow) => cellOf(row, 'valid').ours?.mean ?? Number.POSITIVE_INFINITY;
  return [...rows].sort((a, b) => (valid(a) === valid(b) ? 0 : valid(a) - valid(b)));
}

/**
 * Test metric against a searched strength (figures 8 to 10 of the music study). From the runs of a search the mean over
 * those that fall into a part of the range, whatever their other settings; without one, the rows of the table as dots.
 */
export function searchFigure(rows: readonly ReportRow[]): ReportFigure | undefined {
  const { table, drawn } = withoutSearches(rows);
  const searches = partition(drawn, ({ search }) => search!.of).flatMap(searchChart);
  const charts = searches.length > 0 ? searches : dotCharts(table);
  if (charts.length === 0) return undefined;
  const runs =
    'Runs of a random search (dots) and their mean over parts of the range (line, bars of one standard deviation), whatever the other settings; on a logarithmic range that of the logarithm.';
  const dots =
    "No search has been run (--search): these are the rows of the table, a dot each, which differ in other settings too and cannot show the paper's trend.";
  return {
    id: 'search',
    title: 'Test metric against λ, σ and p',
    caption: `${searches.length > 0 ? runs : dots} Figures 8 to 10 of the music study.`,
    charts,
  };
}

const continuous = ({ ranges = [] }: ReportRow) => ranges.find((range): range is Continuous => 'from' in range);

interface Measured {
  readonly row: ReportRow;
  readonly test: number;
}

function measured(rows: readonly ReportRow[]): readonly Measured[] {
  return rows.flatMap((row) => {
    const { ours } = cellOf(row, 'test');
    return ours === null ? [] : [{ row, test: ours.mean }];
  });
}

function searchChart(rows: readonly ReportRow[]): readonly Chart[] {
  const [first] = rows;
  const range = continuous(first!);
  const runs = measured(rows);
  if (range === undefined || runs.length === 0) return [];
  const log = range.scale === 'log';
  // A regularizer's other choice, such as the norm, has a curve for each value.
  const choice = first!.ranges!.find((each) => 'values' in each && each.paths[0]!.startsWith('regularizers.'));
  const drawnFor = ({ row }: Measured, name: string) => row.search!.values[name]!;
  const parts = partition(runs, (run) => (choice === undefined ? '' : String(drawnFor(run, choice.name))));
  const series = [...parts]
    .sort(([a], [b]) => (choice === undefined ? 0 : drawnFor(a!, choice.name) - drawnFor(b!, choice.name)))
    .flatMap((part, colour): Series[] => {
      const name = choice === undefined ? '' : ` ${choice.name} = ${drawnFor(part[0]!, choice.name)}`;
      const points = part.map((run): Point => [drawnFor(run, range.name), log ? Math.log(run.test) : run.test]);
      const bins = binned(points, range, Math.min(mostBins, Math.ceil(Math.sqrt(part.length))));
      const means = bins.map(({ x, mean }): Point => [x, mean]);
      return [
        { name: `mean${name}`, colour, points: means, spreads: bins.map(({ deviation }) => deviation) },
        { name: `runs${name}`, colour, points, scatter: true },
      ];
    });
  const label = metricLabels[first!.metric];
  return [
    {
      kind: 'curves',
      title: `${first!.search!.label}: ${runs.length} settings`,
      x: { name: range.name, log },
      y: { name: log ? `log test ${label}` : `test ${label}` },
      series,
    },
  ];
}

export interface Bin {
  /** Middle of the part, on the scale of the range. */
  readonly x: number;
  readonly mean: number;
  /** Of the sample; `null` for one. */
  readonly deviation: number | null;
}

/** Mean and standard deviation of y in equal parts of a range on its scale; empty ones are left out. */
export function binned(
  points: readonly Point[],
  { from, to, scale }: Omit<Continuous, 'name' | 'paths'>,
  bins: number,
): readonly Bin[] {
  const [onto, back] = scale === 'log' ? [Math.log, Math.exp] : [(x: number) => x, (x: number) => x];
  const width = (onto(to) - onto(from)) / bins;
  return Array.from({ length: bins }, (_, i) => {
    const inside = (x: number) => Math.min(bins - 1, Math.max(0, Math.floor((onto(x) - onto(from)) / width))) === i;
    const ys = points.flatMap(([x, y]) => (inside(x) ? [y] : []));
    const mean = ys.reduce((sum, y) => sum + y, 0) / ys.length;
    const squares = ys.reduce((sum, y) => sum + (y - mean) ** 2, 0);
    const deviation = ys.length > 1 ? Math.sqrt(squares / (ys.length - 1)) : null;
    return { x: back(onto(from) + (i + 0.5) * width), mean, deviation };
  }).filter(({ mean }) => Number.isFinite(mean));
}

/** A chart for each searched strength of a technique, a dot for each row of the table. */
function dotCharts(table: readonly ReportRow[]): readonly Chart[] {
  const rows = measured(table).filter(({ row }) => continuous(row) !== undefined);
  const technique = ({ row }: Measured) =>
    `${continuous(row)!.name}, ${row.config.regularizers.map(nameOf).join(' + ')}`;
  return partition(rows, technique).flatMap((part): Chart[] => {
    const range = continuous(part[0]!.row)!;
    const series = part.flatMap(({ row, test }, colour): Series[] => {
      const x = numbersIn(row.config)[range.paths[0]!];
      return x === undefined ? [] : [{ name: row.label, colour, points: [[x, test]], scatter: true }];
    });
    const y = { name: `test ${metricLabels[part[0]!.row.metric]}` };
    return [
      { kind: 'curves', title: technique(part[0]!), x: { name: range.name, log: range.scale === 'log' }, y, series },
    ];
  });
}
