import { join } from 'node:path';
import {
  type ExperimentConfig,
  type ExperimentInput,
  expandVariants,
  type PlannedRun,
  parseExperiment,
  RnnxError,
} from '@rnnx/core';
import { pluginSpecs } from './discovery/discover.js';
import type { ExperimentEvent, RunResult } from './events.js';
import { Host, type HostOptions, withDataDir } from './host.js';
import { ExperimentFolder } from './run-folder/experiment-folder.js';
import { trainRun } from './train-run.js';

export interface ExperimentOptions extends HostOptions {
  /**
   * Where to write run folders: `{ folder }` for exactly this new or empty folder, `{ parent }` for a fresh folder inside.
   * Without it nothing is written.
   */
  readonly out?: { readonly folder: string } | { readonly parent: string };
  /** Name of the preset that the configuration came from, kept beside the runs. */
  readonly preset?: string;
  /** Measure a few steps before each run, so that its `start` tells the time and memory that it will take. */
  readonly estimate?: boolean;
}

/**
 * Trains every variant with every seed of an experiment, one after another, and tells what happens as events: `plan`; for
 * each run `start`, the trainer's `step`, `epoch`, `checkpoint` and `end`, `scoring`, `result`; last `done`. Nothing is
 * written to the terminal. An aborted signal ends it after a checkpoint, with `done` and `aborted: true`.
 *
 * Errors: those of configuration, plugins, data, backend, training and run folder.
 */
export async function* runExperiment(
  input: ExperimentInput,
  options: ExperimentOptions = {},
): AsyncGenerator<ExperimentEvent, readonly RunResult[]> {
  const host = await Host.open(pluginSpecs(input?.plugins), options);
  const config = parseExperiment(host.registry, input);
  const { out, preset = null } = options;
  const record = { config, preset, pluginFolder: host.pluginFolder, dataDir: host.dataDir };
  let folder: ExperimentFolder | undefined;
  if (out !== undefined)
    folder =
      'folder' in out
        ? await ExperimentFolder.create(out.folder, record)
        : await ExperimentFolder.createFresh(out.parent, record);
  return yield* runAll(host, config, expandVariants(host.registry, config), folder, options);
}

/**
 * Goes on with an experiment, or with one of its runs, from its folder: finished runs only report their result, the one under
 * way goes on from its last checkpoint to the same bits as without the interruption.
 *
 * Errors: RNNX_RUN_MISSING, RNNX_CONFIG_UNREADABLE, RNNX_CHECKPOINT_CORRUPT, RNNX_CHECKPOINT_MISMATCH and those of
 * `runExperiment`.
 *
 * @param options without `dataDir`, the one that the experiment began with
 */
export async function* resumeExperiment(
  path: string,
  options: Omit<HostOptions, 'pluginFolder'> = {},
): AsyncGenerator<ExperimentEvent, readonly RunResult[]> {
  const single = ExperimentFolder.parentOf(path);
  const { folder, record } = await ExperimentFolder.open(single?.experiment ?? path);
  const host = await Host.open(pluginSpecs(record.config.plugins), {
    ...withDataDir(options, record),
    pluginFolder: record.pluginFolder,
  });
  const config = parseExperiment(host.registry, record.config);
  const all = expandVariants(host.registry, config);
  const runs = single === undefined ? all : all.filter((run) => folder.run(run).path === join(folder.path, single.run));
  if (runs.length === 0)
    throw new RnnxError('RNNX_RUN_MISSING', `${path} is no run of its experiment`, {
      got: single?.run ?? path,
      expected: all.map(({ variant, seed }) => `${variant}-seed-${seed}`).join(', '),
      remedy: 'name one of these folders, or the one above',
    });
  return yield* runAll(host, config, runs, folder, options);
}

async function* runAll(
  host: Host,
  config: ExperimentConfig,
  runs: readonly PlannedRun[],
  folder: ExperimentFolder | undefined,
  { signal, estimate }: Pick<ExperimentOptions, 'signal' | 'estimate'>,
): AsyncGenerator<ExperimentEvent, readonly RunResult[]> {
  yield { type: 'plan', name: config.name, runs, folder: folder?.path ?? null };
  const results: RunResult[] = [];
  let aborted = false;
  for (const planned of runs) {
    if (signal?.aborted) aborted = true;
    if (aborted) break;
    const runFolder = folder?.run(planned);
    const run = { variant: planned.variant, seed: planned.seed };
    const earlier = await runFolder?.result();
    const result = earlier ?? (yield* untilAborted(trainRun(host, planned, runFolder, signal, estimate), signal));
    if (result === undefined) aborted = true;
    else {
      results.push(result);
      yield { type: 'result', run, result, earlier: earlier !== undefined };
    }
  }
  yield { type: 'done', results, aborted };
  return results;
}

/** An abort may surface as an error from a download or an evaluation; here it is an ending like the trainer's. */
async function* untilAborted<E, R>(
  events: AsyncGenerator<E, R | undefined>,
  signal: AbortSignal | undefined,
): AsyncGenerator<E, R | undefined> {
  try {
    return yield* events;
  } catch (error) {
    const isAbort = error === signal?.reason || (error as Error)?.name === 'AbortError';
    if (signal?.aborted && isAbort) return undefined;
    throw error;
  }
}
