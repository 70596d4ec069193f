import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { FigureCache } from '../figures/cache.js';
import { figuresOfPaper } from '../figures/of-paper.js';
import type { HostOptions } from '../host.js';
import { figuresOf } from '../report/figures.js';
import type { Report, ReportRow, RowRun } from '../report/report.js';
import { readRun } from '../report/run-data.js';
import { duration } from '../terminal/format.js';
import { rowCommand } from './arguments.js';
import type { Problems, ReproduceOptions } from './reproduce.js';
import { folderOf, type PlannedPreset, type PlannedRow } from './rows.js';
import type { StateFile } from './state.js';

export interface ReportSources {
  readonly planned: readonly PlannedPreset[];
  readonly problems: Problems;
  readonly state: StateFile;
  readonly options: ReproduceOptions;
}

/** The report of what lies in the folder now. Errors: RNNX_CONFIG_UNREADABLE for a damaged run folder. */
export async function buildReport(sources: ReportSources): Promise<Report> {
  const { planned, options } = sources;
  const rows = (await Promise.all(planned.map((each) => rowsOf(each, sources)))).flat();
  const { title, key } = planned[0]!.preset.paper!;
  const cache = new FigureCache(join(options.out, 'figures'));
  return {
    title: `${key}: ours beside the paper`,
    subtitle: title,
    notes: notesOf(rows, options),
    rows,
    figures: [...figuresOf(rows), ...(await figuresOfPaper(key, rows, hostOf(options), cache))],
    command: options.command,
  };
}

function hostOf({ dataDir, cacheDir, offline }: ReproduceOptions): HostOptions {
  return { ...(dataDir && { dataDir }), ...(cacheDir && { cacheDir }), ...(offline && { offline }) };
}

async function rowsOf(planned: PlannedPreset, sources: ReportSources): Promise<readonly ReportRow[]> {
  return Promise.all(planned.rows.map((row) => rowOf(planned, row, sources)));
}

async function rowOf(
  planned: PlannedPreset,
  row: PlannedRow,
  { problems, state, options }: ReportSources,
): Promise<ReportRow> {
  const { preset } = row;
  const { drawn } = planned;
  const seeds = Array.from({ length: drawn === undefined ? options.seeds : 1 }, (_, i) => i + 1);
  const runs = await Promise.all(
    seeds.map(async (seed): Promise<RowRun> => {
      const folder = folderOf(options.out, planned, seed);
      const path = join(folder, `${row.variant}-seed-${seed}`);
      const data = existsSync(join(path, 'environment.json')) ? await readRun(path) : undefined;
      const { failure, outOfTime, scored } = state.get(basename(folder));
      if (data?.result !== undefined) return { seed, data };
      const early = scored?.[row.variant];
      const limit = outOfTime ? `stopped after ${duration(state.get(basename(folder)).seconds)}` : undefined;
      const note = failure === undefined ? limit : `seed ${seed}: ${failure}`;
      return { seed, data, ...(early && { scored: early }), ...(note && { note }), ...(failure && { failed: true }) };
    }),
  );
  const problem = problems.get(preset.name);
  const { epochs } = row.planned.config.training;
  return {
    name: preset.name,
    label: row.label,
    ...(preset.paper && { table: preset.paper.table }),
    config: row.planned.config,
    hash: row.hash,
    metric:
      runs.find(({ data }) => data?.result)?.data?.result?.metric ??
      (drawn?.of ?? preset).published[0]?.metric ??
      'perplexity',
    published: preset.published,
    ...(preset.choices && { choices: preset.choices }),
    epochs,
    ...(epochs === row.paperEpochs ? {} : { paperEpochs: row.paperEpochs }),
    command: rowCommand(planned, { ...options, seeds: seeds.length }),
    ...(preset.search && { ranges: preset.search }),
    ...(drawn && { search: { of: drawn.of.name, label: drawn.of.paper?.row ?? drawn.of.title, values: drawn.values } }),
    ...(drawn?.of.search && { ranges: drawn.of.search }),
    runs,
    ...(problem && { problem }),
  };
}

function notesOf(rows: readonly ReportRow[], { seeds, epochs, rowBudget }: ReproduceOptions): readonly string[] {
  const notes = [
    `Ours is the mean over ${seeds === 1 ? 'one seed' : `seeds 1 to ${seeds}, ± the standard deviation`}, with the weights of the best validation epoch.`,
  ];
  if (rows.some(({ paperEpochs }) => paperEpochs !== undefined))
    notes.push(
      `Trained for at most ${epochs} epochs, fewer than the paper's settings have: these are not the paper's conditions.`,
    );
  const searched = rows.filter(({ search }) => search).length;
  if (searched > 0)
    notes.push(
      `A random search ran ${searched} settings beside the table, drawn from the paper's ranges, with seed 1; its result is the test of the setting with the best validation.`,
    );
  if (rowBudget !== undefined)
    notes.push(
      `Each run was given at most ${duration(rowBudget)}; one that needed more stands with its best epoch so far.`,
    );
  return notes;
}
