import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type ExperimentConfig, RnnxError, type Score, type StepEvent } from '@rnnx/core';
import type { RunId, RunResult } from '../events.js';
import type { DataIdentity } from '../run-folder/data-identity.js';
import type { Environment } from '../run-folder/environment.js';
import type { MetricsLine } from '../run-folder/metrics.js';
import { RunFolder } from '../run-folder/run-folder.js';
import { configHash } from './config-hash.js';

/** One epoch of a run as its `metrics.jsonl` has it. */
export interface EpochPoint {
  readonly epoch: number;
  /** Steps since the start of the run; `null` where no step was reported. */
  readonly step: number | null;
  readonly train: Score;
  readonly valid: Score;
  /** The best validation metric so far. */
  readonly best: boolean;
  readonly scalars: Readonly<Record<string, number>>;
}

/** What a run folder tells, finished or not. */
export interface RunData {
  readonly path: string;
  readonly run: RunId;
  readonly config: ExperimentConfig;
  readonly hash: string;
  readonly epochs: readonly EpochPoint[];
  /** Median over the step reports; without any, of the predictions trained on over the time of whole epochs. */
  readonly tokensPerSecond: number | null;
  /** Wall clock of all processes that worked on it. */
  readonly seconds: number;
  readonly environment: Environment;
  /** Its data: name, sources, checksums. */
  readonly data: Pick<DataIdentity, 'name' | 'notes' | 'splits'>;
  /** `undefined` while unfinished. */
  readonly result: RunResult | undefined;
}

/** Errors: RNNX_RUN_MISSING, RNNX_CONFIG_UNREADABLE. */
export async function readRun(path: string): Promise<RunData> {
  const folder = new RunFolder(resolve(path));
  const config = (await folder.config()) as ExperimentConfig;
  const { run, sessions, dataset } = await folder.record();
  const lines = await readMetrics(join(folder.path, 'metrics.jsonl'));
  const steps = lines.filter((line) => line.type === 'step');
  const result = await folder.result();
  return {
    path: folder.path,
    run,
    config,
    hash: configHash(config),
    epochs: epochPoints(lines, steps),
    tokensPerSecond: median(steps.map(({ tokensPerSecond }) => tokensPerSecond)) ?? speedOfEpochs(lines),
    seconds: wallSeconds(sessions, lines, result),
    environment: sessions.at(-1)!,
    data: { name: dataset.name, notes: dataset.notes, splits: dataset.splits },
    result,
  };
}

/**
 * Folders of single runs below the named ones: a run's own, or those inside an experiment.
 *
 * Errors: RNNX_RUN_MISSING for a path that holds none.
 */
export function runFolders(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => {
    if (isRun(path)) return [resolve(path)];
    const inside = existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : [];
    const runs = inside.filter(isRun).sort();
    if (runs.length > 0) return runs.map((run) => resolve(run));
    throw new RnnxError('RNNX_RUN_MISSING', `There is no run in ${path}`, {
      got: existsSync(path) ? 'a folder or file without a run' : 'no such folder',
      expected: 'the folder of a run or of an experiment that has begun, as `rnnx run` prints it',
      remedy: 'correct the path',
    });
  });
}

/** A run that has begun: its first process has written what it works on. */
function isRun(path: string): boolean {
  return existsSync(join(path, 'config.json')) && existsSync(join(path, 'environment.json'));
}

async function readMetrics(path: string): Promise<readonly MetricsLine[]> {
  if (!existsSync(path)) return [];
  const lines = (await readFile(path, 'utf8')).split('\n');
  return lines.flatMap((line) => {
    try {
      return [JSON.parse(line) as MetricsLine];
    } catch {
      return []; // the last line of a run that is writing, or was killed
    }
  });
}

function epochPoints(lines: readonly MetricsLine[], steps: readonly StepEvent[]): readonly EpochPoint[] {
  const perEpoch = steps.at(-1)?.stepsPerEpoch;
  return lines.flatMap((line) => {
    if (line.type !== 'epoch') return [];
    const { epoch, train, valid, best, scalars } = line;
    return [{ epoch, step: perEpoch === undefined ? null : epoch * perEpoch, train, valid, best, scalars }];
  });
}

function speedOfEpochs(lines: readonly MetricsLine[]): number | null {
  return median(lines.flatMap((line) => (line.type === 'epoch' ? [line.train.count / line.seconds] : [])));
}

/** Middle value, of an even number the lower one of the two; `null` of none. */
export function median(values: readonly number[]): number | null {
  const ascending = values.filter(Number.isFinite).sort((a, b) => a - b);
  return ascending[Math.floor((ascending.length - 1) / 2)] ?? null;
}

/** Each process counts from its start to the last line it wrote; the one that finished says itself how long it took. */
function wallSeconds(
  sessions: readonly Environment[],
  lines: readonly MetricsLine[],
  result: RunResult | undefined,
): number {
  const times = lines.map(({ time }) => Date.parse(time));
  const seconds = sessions.map(({ started }, i) => {
    const from = Date.parse(started);
    if (i === sessions.length - 1 && result !== undefined) return result.seconds;
    const to = Date.parse(sessions[i + 1]?.started ?? '9999-01-01');
    const last = times.findLast((time) => time >= from && time < to) ?? from;
    return (last - from) / 1000;
  });
  return seconds.reduce((sum, value) => sum + value, 0);
}
