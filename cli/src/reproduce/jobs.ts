import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExperimentEvent } from '../events.js';
import { readRun } from '../report/run-data.js';
import { RunFolder } from '../run-folder/run-folder.js';
import { type ChildEnd, runChild } from './child.js';
import type { PlannedPreset } from './rows.js';
import type { ScoredCheckpoint, StateFile } from './state.js';

/** One preset with one seed: the work of one child process. */
export interface Job {
  /** Name of its folder. */
  readonly id: string;
  readonly folder: string;
  readonly planned: PlannedPreset;
  readonly seed: number;
  /** Expected seconds of the whole; `null` where it could not be estimated. */
  readonly expected: number | null;
  /** Memory that its process should need; `null` where it could not be estimated. */
  readonly bytes: number | null;
  /** Steps between two reports, where the preset's are too far apart to tell how it comes on. */
  readonly reportEvery?: number;
}

export type JobEnd = 'finished' | 'failed' | 'stopped' | 'out of time';

/** What happens to jobs, for a display. */
export interface JobWatcher {
  /** A process works on the job, the first or one that takes its place. */
  started(job: Job, pid: number): void;
  /** A process could begin, but the job needs more memory than those that run leave; both in bytes. Told once a job. */
  waits(job: Job, needed: number, free: number): void;
  event(job: Job, event: ExperimentEvent): void;
  ended(job: Job, end: JobEnd, message: string): void;
}

export interface JobSettings {
  readonly state: StateFile;
  /** Children at a time. */
  readonly parallel: number;
  /** Bytes that all children together may need; a job alone may always run. */
  readonly memory: number;
  /** Asks every child for a checkpoint and a clean end. */
  readonly signal: AbortSignal;
  /** Seconds that one job may take, all sessions together. */
  readonly limit?: number | undefined;
  /** Environment of the children, besides that of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Command line that begins a job. */
  begin(job: Job): Promise<readonly string[]>;
  /** Options that a resumed job and an evaluation take too: where data are. */
  readonly data: readonly string[];
  readonly watcher: JobWatcher;
}

/**
 * Runs jobs in their order, several at a time, each in a process of its own; one for which the others leave too little memory
 * waits, and a later one that fits goes first.
 *
 * Errors: RNNX_RUN_UNWRITABLE.
 */
export async function runJobs(jobs: readonly Job[], settings: JobSettings): Promise<void> {
  const { parallel, memory, signal, watcher } = settings;
  const waiting = [...jobs];
  const running = new Map<Job, Promise<void>>();
  const told = new Set<Job>();
  while (true) {
    while (!signal.aborted && waiting.length > 0 && running.size < parallel) {
      const free = memory - [...running.keys()].reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
      const fitting = running.size === 0 ? 0 : waiting.findIndex(({ bytes }) => (bytes ?? 0) <= free);
      for (const job of waiting.slice(0, fitting < 0 ? 1 : fitting))
        if (!told.has(job)) {
          told.add(job);
          watcher.waits(job, job.bytes ?? 0, free);
        }
      const [job] = fitting < 0 ? [] : waiting.splice(fitting, 1);
      if (job === undefined) break;
      const work = runJob(job, settings).finally(() => running.delete(job));
      running.set(job, work);
    }
    if (running.size === 0) return;
    await Promise.race(running.values());
  }
}

/** Whether every run of a job has its result. */
export async function isFinished({ folder, planned }: Pick<Job, 'folder' | 'planned'>, seed: number): Promise<boolean> {
  const results = planned.rows.map(({ variant }) => new RunFolder(join(folder, `${variant}-seed-${seed}`)).result());
  return (await Promise.all(results)).every((result) => result !== undefined);
}

/** A child that something killed is taken up again, so many times. */
const retries = 1;

async function runJob(job: Job, settings: JobSettings): Promise<void> {
  const { state, limit, watcher } = settings;
  const earlier = state.get(job.id);
  const left = limit === undefined ? Number.POSITIVE_INFINITY : limit - earlier.seconds;
  if (left <= 0) {
    if (earlier.outOfTime !== true) await state.set(job.id, { ...earlier, outOfTime: true });
    await scoreStopped(job, settings);
    watcher.ended(job, 'out of time', '');
    return;
  }
  const own = new AbortController();
  const timer = Number.isFinite(left) ? setTimeout(() => own.abort(), left * 1000) : undefined;
  const signal = AbortSignal.any([settings.signal, own.signal]);
  let seconds = earlier.seconds;
  let end: ChildEnd;
  try {
    for (let tries = 0; ; tries++) {
      end = await startOrResume(job, settings, signal);
      seconds += end.seconds;
      if (end.signal === null || signal.aborted || tries === retries) break;
    }
  } finally {
    clearTimeout(timer);
  }
  if (end.code === 0 && (await isFinished(job, job.seed))) {
    await state.set(job.id, { seconds });
    watcher.ended(job, 'finished', '');
  } else if (own.signal.aborted && !settings.signal.aborted) {
    await state.set(job.id, { seconds, outOfTime: true });
    await scoreStopped(job, settings);
    watcher.ended(job, 'out of time', '');
  } else if (signal.aborted || end.code === 130) {
    await state.set(job.id, { seconds });
    watcher.ended(job, 'stopped', '');
  } else {
    const how = end.signal === null ? `exit code ${end.code}` : `killed by ${end.signal}`;
    const failure = end.message === '' ? how : `${end.message.split('\n')[0]} (${how})`;
    await state.set(job.id, { seconds, failure });
    watcher.ended(job, 'failed', end.message === '' ? how : `${end.message} (${how})`);
  }
}

async function startOrResume(job: Job, settings: JobSettings, signal: AbortSignal): Promise<ChildEnd> {
  const { watcher, env } = settings;
  const begun = existsSync(join(job.folder, 'experiment.json'));
  // A child that was killed before it had written anything of use may have left half a file.
  if (!begun) await rm(job.folder, { recursive: true, force: true });
  const args = begun ? ['run', '--resume', job.folder, ...settings.data] : await settings.begin(job);
  return runChild([...args, '--json'], {
    signal,
    ...(env && { env }),
    onStart: (pid) => watcher.started(job, pid),
    onEvent: (event) => watcher.event(job, event),
  });
}

/** Scores the best checkpoints of a job that ran out of time, unless they have their scores. */
async function scoreStopped(job: Job, settings: JobSettings): Promise<void> {
  const { state, signal, env } = settings;
  for (const { variant } of job.planned.rows) {
    const path = join(job.folder, `${variant}-seed-${job.seed}`);
    if (!existsSync(join(path, 'checkpoints', 'best.safetensors'))) continue;
    const { epochs, result } = await readRun(path);
    const epoch = epochs.findLast(({ best }) => best)?.epoch;
    const record = state.get(job.id);
    if (result !== undefined || epoch === undefined || record.scored?.[variant]?.epoch === epoch) continue;
    let scores: Omit<ScoredCheckpoint, 'epoch'> | undefined;
    const onLine = (line: string) => {
      scores = JSON.parse(line);
    };
    const end = await runChild(['eval', path, '--json', ...settings.data], { signal, ...(env && { env }), onLine });
    if (end.code === 0 && scores !== undefined)
      await state.set(job.id, { ...record, scored: { ...record.scored, [variant]: { epoch, ...scores } } });
  }
}
