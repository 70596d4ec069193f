import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ExperimentConfig, PluginRef } from '@rnnx/core';
import { baseVariant, mergeConfig, parseExperiment } from '@rnnx/core';
import { type Preset, presets } from '@rnnx/presets';
import { Host } from '../host.js';
import { ExperimentFolder } from '../run-folder/experiment-folder.js';
import { configHash } from './config-hash.js';
import { figuresOf } from './figures.js';
import type { Report, ReportRow } from './report.js';
import { type RunData, readRun, runFolders } from './run-data.js';

/**
 * A report over any run folders: runs of one configuration are the seeds of a row; a row that came from a preset has its
 * published numbers beside it, and says where its settings are others.
 *
 * Errors: RNNX_RUN_MISSING, RNNX_CONFIG_UNREADABLE.
 */
export async function compareRuns(paths: readonly string[], command: string): Promise<Report> {
  const runs = await Promise.all([...new Set(runFolders(paths))].map(readRun));
  const byHash = new Map<string, RunData[]>();
  for (const run of runs) byHash.set(run.hash, [...(byHash.get(run.hash) ?? []), run]);
  const host = await Host.open([]);
  const rows = await Promise.all([...byHash.values()].map((each) => rowOf(each, host)));
  const shown = disambiguated(rows);
  return {
    title: `${rows.length} ${rows.length === 1 ? 'experiment' : 'experiments'} compared`,
    subtitle: [...new Set(runs.map(({ data }) => data.name))].join(', '),
    notes: [
      'Each row is the mean over its seeds, ± the standard deviation, with the weights of the best validation epoch.',
    ],
    rows: shown,
    figures: figuresOf(shown),
    command,
  };
}

async function rowOf(runs: readonly RunData[], host: Host): Promise<ReportRow> {
  const { config, hash, run, path } = runs[0]!;
  const record = await experimentOf(path);
  const preset = presets.find(({ name }) => name === record?.preset);
  const isPreset = preset !== undefined && run.variant === baseVariant;
  const paperEpochs = isPreset ? preset.config.training?.epochs : undefined;
  return {
    name: config.name,
    label: isPreset ? labelOfPreset(preset, config, host) : labelOf(config, run.variant),
    ...(isPreset && preset.paper ? { table: `${preset.paper.key}: ${preset.paper.table}` } : {}),
    config,
    hash,
    metric: runs.find(({ result }) => result)?.result?.metric ?? preset?.published[0]?.metric ?? 'perplexity',
    published: isPreset ? preset.published : [],
    ...(isPreset && preset.choices ? { choices: preset.choices } : {}),
    epochs: config.training.epochs,
    ...(paperEpochs === undefined || paperEpochs === config.training.epochs ? {} : { paperEpochs }),
    command: `npx rnnx run --config ${runs[0]!.path}/config.json`,
    runs: runs.map((data) => ({ seed: data.run.seed, data })),
  };
}

async function experimentOf(path: string): Promise<{ readonly preset: string | null } | undefined> {
  const parent = ExperimentFolder.parentOf(path)?.experiment;
  if (parent === undefined || !existsSync(join(parent, 'experiment.json'))) return undefined;
  return (await ExperimentFolder.open(parent)).record;
}

/** The row of the paper, and whether more is different than the number of epochs and the backend. */
function labelOfPreset(preset: Preset, config: ExperimentConfig, host: Host): string {
  const { training, backend } = config;
  const patch = { training: { epochs: training.epochs }, backend };
  const asItIs = parseExperiment(host.registry, mergeConfig(preset.config, patch));
  const label = preset.paper?.row ?? preset.title;
  return configHash(asItIs) === configHash(config) ? label : `${label}, with other settings`;
}

/** The variant's name, or what acts on the network. */
function labelOf({ name, regularizers }: ExperimentConfig, variant: string): string {
  if (variant !== baseVariant) return `${name}: ${variant}`;
  const names = regularizers.map((ref: PluginRef) => (typeof ref === 'string' ? ref : ref.name));
  return names.length === 0 ? name : `${name}: ${names.join(' + ')}`;
}

/** Rows of one label get their configuration's hash beside it. */
function disambiguated(rows: readonly ReportRow[]): readonly ReportRow[] {
  return rows.map((row) => {
    const twins = rows.filter(({ label, table }) => label === row.label && table === row.table);
    return twins.length === 1 ? row : { ...row, label: `${row.label} (${row.hash.slice(0, 6)})` };
  });
}
