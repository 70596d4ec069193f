import { cpus } from 'node:os';
import { basename, join } from 'node:path';
import { presets as allPresets, type Preset } from '@rnnx/presets';
import { availableMemory, type Estimate } from '../estimate.js';
import { Host, type HostOptions } from '../host.js';
import { partition } from '../report/groups.js';
import type { Report } from '../report/report.js';
import { writeReport } from '../report/write.js';
import { makeFolder } from '../run-folder/files.js';
import { lockFolder } from '../run-folder/lock.js';
import { bytes, duration } from '../terminal/format.js';
import { beginArguments, dataArguments } from './arguments.js';
import { isFinished, type Job, runJobs } from './jobs.js';
import { lookAhead, type Outlook } from './look-ahead.js';
import type { TableProgress } from './progress.js';
import { buildReport } from './report.js';
import { folderOf, type PlannedPreset, planPreset, presetsOf } from './rows.js';
import { drawSettings } from './search.js';
import { StateFile } from './state.js';

export interface ReproduceOptions extends HostOptions {
  /** Key of a paper: `noisin`. */
  readonly paper: string;
  /** Part of a row's or preset's name. */
  readonly rows?: string;
  /** Seeds 1 to this for every row. */
  readonly seeds: number;
  /** Seconds for the whole, and for each row and seed. */
  readonly budget?: number;
  readonly rowBudget?: number;
  /** Settings drawn for each row from the ranges that its paper searched, one seed each, after the rows themselves. */
  readonly search?: number;
  /** Child processes at a time. */
  readonly jobs: number;
  /** Folder of runs, state and report; it may hold those of earlier calls. */
  readonly out: string;
  readonly backend?: string;
  /** Fewer epochs than the paper's. */
  readonly epochs?: number;
  /** Where rows come from; default: all presets. */
  readonly presets?: readonly Preset[];
  /** The command line as the report shows it. */
  readonly command: string;
  readonly signal: AbortSignal;
}

export interface Reproduction {
  readonly report: Report;
  readonly html: string;
  readonly markdown: string;
  /** The signal or the budget ended it before all was done. */
  readonly stopped: boolean;
  readonly failed: number;
}

export type Problems = Outlook['problems'];

/**
 * Trains the rows of a paper, each seed in a process of its own, and writes the report. What is finished is kept, what is
 * not goes on.
 *
 * Errors: RNNX_USAGE for an unknown paper or no matching row; RNNX_RUN_BUSY where another process reproduces in the same
 * folder; RNNX_RUN_UNWRITABLE; the first row's problem if no row can be trained here. What goes wrong in a row is in the
 * report.
 */
export async function reproduce(options: ReproduceOptions, progress: TableProgress): Promise<Reproduction> {
  const chosen = presetsOf(options.paper, options.rows, options.presets ?? allPresets);
  await makeFolder(join(options.out, 'runs'));
  const release = lockFolder(options.out);
  try {
    return await reproducePresets(chosen, options, progress);
  } finally {
    release();
  }
}

async function reproducePresets(
  chosen: readonly Preset[],
  options: ReproduceOptions,
  progress: TableProgress,
): Promise<Reproduction> {
  const { out, jobs: parallel, signal } = options;
  await import('../report/html.js'); // now, so that an upgrade meanwhile does not part it from the rest
  const host = await Host.open([], options);
  const drawn = options.search === undefined ? [] : drawSettings(chosen, options.search);
  const planned = [
    ...chosen.map((preset) => planPreset(host, preset, options)),
    ...drawn.map((each) => ({ ...planPreset(host, each.preset, options), drawn: each })),
  ];
  const state = await StateFile.open(out);
  const budget = new AbortController();
  const timer = options.budget === undefined ? undefined : setTimeout(() => budget.abort(), options.budget * 1000);
  const ending = AbortSignal.any([signal, budget.signal]);
  const data = dataArguments(options);
  let problems: Problems;
  try {
    const unfinished = await select(planned, async (each) => !(await isDone(each, options)));
    const outlook = await withEnvironment(childThreads(parallel), () => lookAhead(host, unfinished, ending, progress));
    problems = outlook.problems;
    const jobs = await plannedJobs(planned, outlook, state, options);
    announce(jobs, planned, problems, options, progress);
    progress.plan(jobs, parallel, options.rowBudget);
    await runJobs(jobs, {
      state,
      parallel,
      memory: memoryForChildren(),
      signal: ending,
      limit: options.rowBudget,
      env: childThreads(parallel),
      data,
      begin: async (job) => [...(await beginArguments(job, options)), ...data],
      watcher: progress,
    });
  } finally {
    clearTimeout(timer);
  }
  const report = await buildReport({ planned, problems, state, options });
  const written = await writeReport(report, out);
  // A setting of a search that diverges is a result.
  const failed = report.rows.filter(({ runs, search }) =>
    runs.some((run) => run.failed && !(search && diverged(run.note))),
  );
  return { report, ...written, stopped: ending.aborted, failed: failed.length };
}

async function select<T>(values: readonly T[], keep: (value: T) => Promise<boolean>): Promise<readonly T[]> {
  const kept = await Promise.all(values.map(keep));
  return values.filter((_, i) => kept[i]);
}

/** Every seed of a preset has its result. */
async function isDone(planned: PlannedPreset, options: ReproduceOptions): Promise<boolean> {
  const done = seedsOf(options, planned).map((seed) =>
    isFinished({ folder: folderOf(options.out, planned, seed), planned }, seed),
  );
  return (await Promise.all(done)).every(Boolean);
}

/** The settings of a search have one each. */
const seedsOf = ({ seeds }: ReproduceOptions, { drawn }: PlannedPreset) =>
  Array.from({ length: drawn === undefined ? seeds : 1 }, (_, i) => i + 1);

/** Whether a run ended in numbers that are none, which it would again. */
const diverged = (message: string | undefined) => message?.includes('RNNX_NONFINITE') === true;

/**
 * What is left to do: the first seed of all before the second of any, the cheapest first; then a search, in the order of its
 * draws.
 */
async function plannedJobs(
  planned: readonly PlannedPreset[],
  { estimates, problems }: Outlook,
  state: StateFile,
  options: ReproduceOptions,
): Promise<readonly Job[]> {
  const jobs: Job[] = [];
  const possible = planned.filter(({ preset }) => !problems.has(preset.name));
  const costOf = ({ preset }: PlannedPreset) => estimates.get(preset.name)?.seconds ?? 0;
  const cheapestFirst = possible.filter(({ drawn }) => drawn === undefined).sort((a, b) => costOf(a) - costOf(b));
  const seeds = Array.from({ length: options.seeds }, (_, i) => i + 1);
  const order = seeds.flatMap((seed) => cheapestFirst.map((each) => ({ each, seed })));
  const draws = partition(
    possible.filter(({ drawn }) => drawn !== undefined),
    ({ drawn }) => drawn!.of.name,
  );
  for (let n = 0; n < (options.search ?? 0); n++)
    order.push(...draws.flatMap((draw) => draw.slice(n, n + 1).map((each) => ({ each, seed: 1 }))));
  for (const { each, seed } of order) {
    const folder = folderOf(options.out, each, seed);
    if (await isFinished({ folder, planned: each }, seed)) continue;
    if (each.drawn !== undefined && diverged(state.get(basename(folder)).failure)) continue;
    const estimate = estimates.get(each.preset.name);
    const { seconds = null, bytes: needed = null } = estimate ?? {};
    const id = basename(folder);
    jobs.push({ id, folder, planned: each, seed, expected: seconds, bytes: needed, ...reports(each, estimate) });
  }
  return jobs;
}

/** Longest that a running row should say nothing. */
const silentSeconds = 10;

/** More frequent reports of steps where they would be too far apart; they decide nothing else. */
function reports({ rows }: PlannedPreset, estimate: Estimate | undefined): { readonly reportEvery?: number } {
  if (estimate === undefined) return {};
  const { batchSize, bptt, reportEvery } = rows[0]!.planned.config.training;
  const often = Math.max(1, Math.floor((silentSeconds * estimate.tokensPerSecond) / (batchSize * bptt)));
  return often < reportEvery ? { reportEvery: often } : {};
}

/** What the machine leaves to child processes beside this one. */
function memoryForChildren(): number {
  return availableMemory() - process.memoryUsage().rss;
}

function announce(
  jobs: readonly Job[],
  planned: readonly PlannedPreset[],
  problems: Problems,
  options: ReproduceOptions,
  progress: TableProgress,
): void {
  const { jobs: parallel, rowBudget } = options;
  const runs = (each: PlannedPreset) => seedsOf(options, each).length;
  const all = planned.reduce((sum, each) => sum + runs(each), 0);
  const impossible = planned.reduce((sum, each) => sum + (problems.has(each.preset.name) ? runs(each) : 0), 0);
  const capped = (seconds: number) => Math.min(seconds, rowBudget ?? Number.POSITIVE_INFINITY);
  const seconds = jobs.reduce((sum, { expected }) => sum + capped(expected ?? 0), 0) / parallel;
  progress.line(
    `${all} runs: ${all - impossible - jobs.length} done before, ${jobs.length} to do` +
      `${impossible > 0 ? `, ${impossible} that cannot run here` : ''}${jobs.length > 0 ? `; about ${duration(seconds)}` : ''}`,
  );
  const largest = jobs.map(({ bytes: needed }) => needed ?? 0).sort((a, b) => b - a);
  const together = largest.slice(0, parallel).reduce((sum, needed) => sum + needed, 0);
  const memory = memoryForChildren();
  if (parallel > 1 && together > memory)
    progress.line(
      `${parallel} at a time may need ${bytes(together)} of memory, and there are ${bytes(memory)}: rows that do not fit beside others wait`,
    );
}

/** Does something under other environment variables, none of which is set before. */
async function withEnvironment<T>(variables: Readonly<Record<string, string>>, work: () => Promise<T>): Promise<T> {
  Object.assign(process.env, variables);
  try {
    return await work();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
  }
}

/** Children share the cores, unless the environment decides. */
function childThreads(parallel: number): Readonly<Record<string, string>> {
  if (process.env.RNNX_THREADS !== undefined || parallel === 1) return {};
  return { RNNX_THREADS: String(Math.max(1, Math.floor(cpus().length / parallel))) };
}
