import { createRng, type ExperimentInput, RnnxError } from '@rnnx/core';
import type { Preset, SearchRange } from '@rnnx/presets';
import { applySet } from '../config/set.js';

/** A preset with other settings, drawn from the ranges that its paper searched. */
export interface DrawnPreset {
  /** Named `<preset>-search-<n>`, without published numbers. */
  readonly preset: Preset;
  readonly of: Preset;
  /** By name of the range. */
  readonly values: Readonly<Record<string, number>>;
  /** The same as `--set` takes them. */
  readonly assignments: readonly string[];
}

const digits = 4;

/**
 * The first `count` settings of a random search, each range by itself and uniform on its scale. The n-th depends on the
 * preset's name and n only, so that a longer search goes on with a shorter one.
 *
 * Errors: RNNX_USAGE where none of the presets has ranges.
 */
export function drawSettings(presets: readonly Preset[], count: number): readonly DrawnPreset[] {
  const searched = presets.filter(({ search }) => search !== undefined);
  if (searched.length === 0)
    throw new RnnxError('RNNX_USAGE', 'There is nothing to search', {
      got: `--search ${count} for ${presets
        .map(({ name }) => name)
        .slice(0, 5)
        .join(', ')}`,
      expected: 'rows for which the paper states ranges, as all of the music study but fast dropout',
      remedy: 'choose other rows, or leave --search out',
    });
  return searched.flatMap((preset) => Array.from({ length: count }, (_, i) => draw(preset, i + 1)));
}

function draw(of: Preset, n: number): DrawnPreset {
  const rng = createRng(1).stream('search').stream(of.name).stream(String(n));
  const drawn = of.search!.map((range) => [range, valueIn(range, rng.stream(range.name).doubles(1)[0]!)] as const);
  const assignments = drawn.flatMap(([{ paths }, value]) => paths.map((path) => `${path}=${value}`));
  const config = assignments.reduce<unknown>(applySet, of.config) as ExperimentInput;
  const name = `${of.name}-search-${n}`;
  const { paper } = of;
  const values = Object.fromEntries(drawn.map(([range, value]) => [range.name, value]));
  const row = Object.entries(values)
    .map(([key, value]) => `${key} ${value}`)
    .join(', ');
  return {
    preset: {
      name,
      title: `${of.title}, setting ${n} of a search`,
      summary: of.summary,
      ...(paper && { paper: { ...paper, table: `Search: ${paper.row}`, row } }),
      published: [],
      config: { ...config, name },
    },
    of,
    values,
    assignments,
  };
}

/** @param u in (0, 1) */
function valueIn(range: SearchRange, u: number): number {
  if ('values' in range) return range.values[Math.floor(u * range.values.length)]!;
  const { from, to, scale } = range;
  const value = scale === 'log' ? from * (to / from) ** u : from + (to - from) * u;
  // A few digits are easier to repeat; cut, since the end of a range may be outside of it.
  const unit = 10 ** (Math.floor(Math.log10(value)) + 1 - digits);
  return Number((Math.floor(value / unit) * unit).toPrecision(digits));
}
