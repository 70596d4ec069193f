import { join } from 'node:path';
import {
  type ExperimentInput,
  expandVariants,
  mergeConfig,
  type PlannedRun,
  parseExperiment,
  RnnxError,
} from '@rnnx/core';
import type { Preset } from '@rnnx/presets';
import type { Host } from '../host.js';
import { configHash } from '../report/config-hash.js';
import type { DrawnPreset } from './search.js';

/** What the command line changes in every row. */
export interface RowSettings {
  /** At most so many epochs, where the paper has more. */
  readonly epochs?: number | undefined;
  readonly backend?: string | undefined;
  /** Number of seeds: 1 to this. */
  readonly seeds: number;
}

/** One row of a table: a preset, or one of its variants. */
export interface PlannedRow {
  readonly preset: Preset;
  readonly variant: string;
  readonly label: string;
  /** Complete, with the first seed. */
  readonly planned: PlannedRun;
  readonly hash: string;
  readonly paperEpochs: number;
}

/** Presets of one paper with their rows. */
export interface PlannedPreset {
  readonly preset: Preset;
  /** As it is trained: the preset with the settings over it. */
  readonly input: ExperimentInput;
  readonly rows: readonly PlannedRow[];
  /** Where it is a setting of a search. */
  readonly drawn?: DrawnPreset;
}

/**
 * The presets of a paper whose name or row matches, in their order.
 *
 * Errors: RNNX_USAGE where the paper or the pattern has none.
 *
 * @param pattern with `*` for any text; it may match a part only. Case does not count.
 */
export function presetsOf(paper: string, pattern: string | undefined, presets: readonly Preset[]): readonly Preset[] {
  const keys = [...new Set(presets.flatMap(({ paper: source }) => (source === undefined ? [] : [source.key])))];
  const all = presets.filter((preset) => preset.paper?.key === paper);
  if (all.length === 0)
    throw new RnnxError('RNNX_USAGE', `There is no paper "${paper}"`, {
      got: paper,
      expected: `one of ${keys.join(', ')}`,
      remedy: 'correct the name; rnnx list presets shows each experiment',
    });
  if (pattern === undefined) return all;
  const expression = new RegExp(pattern.split('*').map(escapeExpression).join('.*'), 'i');
  const matching = all.filter(({ name, paper: source }) => expression.test(name) || expression.test(labelOf(source!)));
  if (matching.length > 0) return matching;
  throw new RnnxError('RNNX_USAGE', `No row of "${paper}" matches`, {
    got: `--rows ${pattern}`,
    expected: `a part of a name or row, with * for any text, such as ${all[0]!.name}`,
    remedy: `see rnnx describe ${paper}`,
  });
}

const escapeExpression = (text: string) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
const labelOf = ({ table, row }: NonNullable<Preset['paper']>) => `${table}: ${row}`;

/** Errors: RNNX_CONFIG_INVALID and the like, of a preset that does not fit the plugins here. */
export function planPreset(host: Host, preset: Preset, settings: RowSettings): PlannedPreset {
  const { config: given } = preset;
  const paperEpochs = parseExperiment(host.registry, given).training.epochs;
  const epochs = Math.min(settings.epochs ?? paperEpochs, paperEpochs);
  const input = mergeConfig(given, {
    ...(epochs === paperEpochs ? {} : { training: { epochs } }),
    ...(settings.backend === undefined ? {} : { backend: settings.backend }),
    seeds: [1],
  }) as ExperimentInput;
  const runs = expandVariants(host.registry, parseExperiment(host.registry, input));
  const rows = runs.map((planned) => ({
    preset,
    variant: planned.variant,
    label: `${preset.paper?.row ?? preset.title}${runs.length > 1 ? `, ${planned.variant}` : ''}`,
    planned,
    hash: configHash(planned.config),
    paperEpochs,
  }));
  return { preset, input, rows };
}

/** Where a preset with one seed has its experiment, below the folder of the whole. */
export function folderOf(out: string, { preset, rows }: PlannedPreset, seed: number): string {
  return join(out, 'runs', `${preset.name}-${rows[0]!.hash}-seed-${seed}`);
}
