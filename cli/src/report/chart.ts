/** A point of a curve. */
export type Point = readonly [x: number, y: number];

export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
  /** Index into the palette; curves of one colour belong together. */
  readonly colour: number;
  readonly dashed?: boolean;
  /** Dots without a line. */
  readonly scatter?: boolean;
  /** Half the length of a bar through each point, such as a standard deviation. */
  readonly spreads?: readonly (number | null)[];
}

export interface Axis {
  readonly name: string;
  readonly log?: boolean;
  /** Whole numbers only. */
  readonly whole?: boolean;
  readonly min?: number;
  readonly max?: number;
}

/** Curves over one pair of axes. */
export interface Curves {
  readonly kind: 'curves';
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

/** Values over a grid, as colours. */
export interface Surface {
  readonly kind: 'surface';
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly z: string;
  /** Row by row: `values[j][i]` at `xs[i]`, `ys[j]`. */
  readonly xs: readonly number[];
  readonly ys: readonly number[];
  readonly values: readonly (readonly number[])[];
}

export type Chart = Curves | Surface;

/** Told apart on white and on black; the order is that of the legend. */
export const palette = [
  '#3b82f6',
  '#f59e0b',
  '#10b981',
  '#ef4444',
  '#8b5cf6',
  '#ec4899',
  '#14b8a6',
  '#84a30c',
  '#78716c',
  '#b45309',
] as const;

export function colourOf(index: number): string {
  return palette[index % palette.length]!;
}

const mostPoints = 240;

/** At most a few hundred points, evenly taken, the last one kept; a plot is no wider. */
export function thinned(points: readonly Point[]): readonly Point[] {
  if (points.length <= mostPoints) return points;
  const step = (points.length - 1) / (mostPoints - 1);
  return Array.from({ length: mostPoints }, (_, i) => points[Math.round(i * step)]!);
}

/** How far above the rest the start of curves may rise before an axis leaves it out. */
const tolerated = 1.25;

/**
 * Upper end of an axis that leaves out how curves begin, where a first epoch would flatten the rest. `undefined` leaves the
 * end to the data.
 */
export function upperEnd(series: readonly Series[]): number | undefined {
  const highest = (points: readonly Point[]) =>
    points.reduce((most, [, y]) => Math.max(most, y), Number.NEGATIVE_INFINITY);
  const late = highest(
    series.flatMap(({ points }) => points.slice(points.length > 3 ? Math.ceil(points.length / 10) : 0)),
  );
  const all = highest(series.flatMap(({ points }) => points));
  return late > 0 && all > tolerated * late ? roundUp(late) : undefined;
}

/** To two significant digits. */
function roundUp(value: number): number {
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
  return Number((Math.ceil(value / unit) * unit).toPrecision(2));
}
