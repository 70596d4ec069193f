import { closeSync, openSync, writeSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type ExperimentConfig, isPlainObject, type Snapshot, type TrainingEvent } from '@rnnx/core';
import type { RunId, RunResult } from '../events.js';
import { type CheckpointName, findCheckpoint, readCheckpoint, writeCheckpoint } from './checkpoint.js';
import { checkIdentity, type DataIdentity } from './data-identity.js';
import type { Environment } from './environment.js';
import { type Fits, guarded, makeFolder, readJson, readJsonIfThere, unwritable, writeJson } from './files.js';
import { lockFolder } from './lock.js';
import { truncateMetrics } from './metrics.js';
import { EventFile } from './tensorboard.js';

/** `environment.json`: the run, its data, and one entry for each process that worked on it. */
export interface RunRecord {
  readonly run: RunId;
  /** Folder from which the configuration's plugins resolve. */
  readonly pluginFolder: string;
  /** Folder with local copies of data sets that was given. */
  readonly dataDir: string | null;
  readonly dataset: DataIdentity;
  readonly sessions: readonly Environment[];
}

const isRecord: Fits = ({ run, pluginFolder, dataset, sessions }) =>
  isPlainObject(run) &&
  typeof run.variant === 'string' &&
  Number.isSafeInteger(run.seed) &&
  typeof pluginFolder === 'string' &&
  isPlainObject(dataset) &&
  Array.isArray(dataset.notes) &&
  Array.isArray(sessions);

const isScore = (value: unknown) => isPlainObject(value) && typeof value.nll === 'number';
const isResult: Fits = ({ variant, scores }) =>
  typeof variant === 'string' && isPlainObject(scores) && isScore(scores.valid) && isScore(scores.test);

/**
 * The files of one run; docs/run-folder.md describes them. `open` begins or goes on, `record` writes what happens,
 * `finish` the result.
 */
export class RunFolder {
  readonly path: string;
  #metrics: number | undefined;
  #events: EventFile | undefined;
  #release: (() => void) | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** The result, if the run has finished. */
  async result(): Promise<RunResult | undefined> {
    return readJsonIfThere<RunResult>(join(this.path, 'result.json'), isResult);
  }

  /** Errors: RNNX_RUN_MISSING, RNNX_CONFIG_UNREADABLE. */
  async config(): Promise<unknown> {
    return readJson(join(this.path, 'config.json'), () => true);
  }

  /** Errors: RNNX_RUN_MISSING, RNNX_CONFIG_UNREADABLE. */
  async record(): Promise<RunRecord> {
    return readJson<RunRecord>(join(this.path, 'environment.json'), isRecord);
  }

  /** Errors: RNNX_CHECKPOINT_MISSING, RNNX_CHECKPOINT_CORRUPT. */
  async checkpoint(name: CheckpointName): Promise<Snapshot> {
    return readCheckpoint(this.path, name);
  }

  /**
   * Gets the folder ready for writing and returns the snapshot to go on from, if there is one. Metrics after it are
   * dropped: they will come again.
   *
   * Errors: RNNX_RUN_UNWRITABLE, RNNX_RUN_BUSY, RNNX_CONFIG_UNREADABLE, RNNX_CHECKPOINT_CORRUPT, RNNX_CHECKPOINT_MISMATCH for
   * other data.
   */
  async open(
    config: ExperimentConfig,
    now: Omit<RunRecord, 'sessions'>,
    environment: Environment,
  ): Promise<Snapshot | undefined> {
    const checkpoints = join(this.path, 'checkpoints');
    await makeFolder(checkpoints);
    this.#release = lockFolder(this.path);
    await this.#removeLeftovers(checkpoints);
    const snapshot = await findCheckpoint(this.path, 'last');
    const earlier = await readJsonIfThere<RunRecord>(join(this.path, 'environment.json'), isRecord);
    if (earlier !== undefined && snapshot !== undefined)
      checkIdentity(earlier.dataset, now.dataset, ['task', 'splits'], this.path);
    const record: RunRecord = { ...now, sessions: [...(earlier?.sessions ?? []), environment] };
    await writeJson(join(this.path, 'config.json'), config);
    await writeJson(join(this.path, 'environment.json'), record);
    const metrics = join(this.path, 'metrics.jsonl');
    await guarded(metrics, () => truncateMetrics(metrics, snapshot?.progress));
    try {
      this.#metrics = openSync(metrics, 'a');
    } catch (error) {
      throw unwritable(metrics, error);
    }
    this.#events = new EventFile(this.path, snapshot && snapshot.progress.globalStep + 1);
    return snapshot;
  }

  /** Errors: RNNX_RUN_UNWRITABLE. */
  async write(event: TrainingEvent): Promise<void> {
    switch (event.type) {
      case 'step':
        this.#appendMetrics(event);
        this.#events?.scalars(event.globalStep, {
          'step/loss': event.loss,
          'step/metric': event.metric,
          'step/gradient_norm': event.gradientNorm,
          'step/learning_rate': event.learningRate,
          'step/tokens_per_second': event.tokensPerSecond,
        });
        return;
      case 'epoch': {
        this.#appendMetrics(event);
        const scalars = Object.entries(event.scalars).map(([name, value]) => [`epoch/${name}`, value] as const);
        this.#events?.scalars(event.epoch, {
          'epoch/train': event.train.metric,
          'epoch/valid': event.valid.metric,
          ...Object.fromEntries(scalars),
        });
        return;
      }
      case 'checkpoint':
        return writeCheckpoint(this.path, event.best ? 'best' : 'last', event.snapshot);
      case 'end':
        return;
    }
  }

  async finish(result: RunResult): Promise<void> {
    await writeJson(join(this.path, 'result.json'), result);
  }

  close(): void {
    if (this.#metrics !== undefined) closeSync(this.#metrics);
    this.#events?.close();
    this.#metrics = undefined;
    this.#events = undefined;
    this.#release?.();
    this.#release = undefined;
  }

  #appendMetrics(event: object): void {
    const path = join(this.path, 'metrics.jsonl');
    try {
      writeSync(this.#metrics!, `${JSON.stringify({ ...event, time: new Date().toISOString() })}\n`);
    } catch (error) {
      throw unwritable(path, error);
    }
  }

  /** Half-written files of a process that was killed. */
  async #removeLeftovers(checkpoints: string): Promise<void> {
    for (const name of await readdir(checkpoints))
      if (/^(last|best)\.safetensors\.\d+$/.test(basename(name))) await rm(join(checkpoints, name), { force: true });
  }
}
