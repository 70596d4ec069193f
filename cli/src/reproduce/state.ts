import { join } from 'node:path';
import type { Score } from '@rnnx/core';
import { isPlainObject } from '@rnnx/core';
import { readJsonIfThere, writeJson } from '../run-folder/files.js';

/** What the parent knows of one child's work and the run folder does not tell. */
export interface JobRecord {
  /** Seconds that its processes ran, all sessions together. */
  readonly seconds: number;
  /** Why the last try ended without a result. */
  readonly failure?: string;
  /** It reached its own limit of time; a larger limit goes on with it. */
  readonly outOfTime?: boolean;
  /** Scores of the best checkpoint of a run that was stopped, by variant. */
  readonly scored?: Readonly<Record<string, ScoredCheckpoint>>;
}

export interface ScoredCheckpoint {
  readonly epoch: number;
  readonly valid?: Score;
  readonly test?: Score;
}

/** `state.json` beside the runs, by name of the job's folder. */
export class StateFile {
  readonly #path: string;
  readonly #jobs: Record<string, JobRecord>;

  private constructor(path: string, jobs: Record<string, JobRecord>) {
    this.#path = path;
    this.#jobs = jobs;
  }

  /** Errors: RNNX_CONFIG_UNREADABLE. */
  static async open(folder: string): Promise<StateFile> {
    const path = join(folder, 'state.json');
    const stored = await readJsonIfThere<{ jobs: Record<string, JobRecord> }>(path, ({ jobs }) => isPlainObject(jobs));
    return new StateFile(path, { ...stored?.jobs });
  }

  get(job: string): JobRecord {
    return this.#jobs[job] ?? { seconds: 0 };
  }

  /** Errors: RNNX_RUN_UNWRITABLE. */
  async set(job: string, record: JobRecord): Promise<void> {
    this.#jobs[job] = record;
    await writeJson(this.#path, { jobs: this.#jobs });
  }
}
