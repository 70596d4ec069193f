import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type ExperimentConfig, isPlainObject, RnnxError } from '@rnnx/core';
import type { RunId } from '../events.js';
import { type Fits, guarded, makeFolder, readJson, writeJson } from './files.js';
import { RunFolder } from './run-folder.js';

/** `experiment.json`: what is needed to go on with the whole. */
export interface ExperimentRecord {
  /** Complete, with variants. */
  readonly config: ExperimentConfig;
  /** Preset that it came from, for the published numbers beside the results. */
  readonly preset: string | null;
  /** Folder from which the configuration's plugins resolve. */
  readonly pluginFolder: string;
  /** Folder with local copies of data sets that was given. */
  readonly dataDir: string | null;
}

const isRecord: Fits = ({ config, preset, pluginFolder }) =>
  isPlainObject(config) && (preset === null || typeof preset === 'string') && typeof pluginFolder === 'string';

/** Folder of an experiment; each run has one inside. */
export class ExperimentFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * A new folder.
   *
   * Errors: RNNX_RUN_EXISTS if it holds anything, RNNX_RUN_UNWRITABLE.
   */
  static async create(path: string, record: ExperimentRecord): Promise<ExperimentFolder> {
    await makeFolder(path);
    const there = await guarded(path, () => readdir(path));
    if (there.length > 0)
      throw new RnnxError('RNNX_RUN_EXISTS', `The run folder ${path} is not empty`, {
        got: there.slice(0, 5).join(', '),
        expected: 'a new or empty folder; nothing is overwritten',
        remedy: `go on with --resume ${path}, or choose another folder with --out`,
      });
    await writeJson(join(path, 'experiment.json'), record);
    return new ExperimentFolder(path);
  }

  /** A new folder that nobody else has: `<name>-<time>`, with a number where several start in one second. */
  static async createFresh(parent: string, record: ExperimentRecord): Promise<ExperimentFolder> {
    const stamp = new Date().toISOString().slice(0, 19).replaceAll(':', '-');
    await makeFolder(parent);
    for (let n = 1; ; n++) {
      const path = join(parent, `${record.config.name}-${stamp}${n === 1 ? '' : `-${n}`}`);
      const made = await guarded(path, () => mkdirIfNew(path));
      if (made) return ExperimentFolder.create(path, record);
    }
  }

  /** Errors: RNNX_RUN_MISSING, RNNX_CONFIG_UNREADABLE. */
  static async open(path: string): Promise<{ folder: ExperimentFolder; record: ExperimentRecord }> {
    const record = await readJson<ExperimentRecord>(join(path, 'experiment.json'), isRecord);
    return { folder: new ExperimentFolder(path), record };
  }

  run({ variant, seed }: RunId): RunFolder {
    return new RunFolder(join(this.path, `${variant}-seed-${seed}`));
  }

  /** Whether a folder is that of a single run inside an experiment, and then that experiment's. */
  static parentOf(path: string): { readonly experiment: string; readonly run: string } | undefined {
    if (existsSync(join(path, 'experiment.json')) || !existsSync(join(path, 'config.json'))) return undefined;
    return { experiment: resolve(path, '..'), run: basename(resolve(path)) };
  }
}

async function mkdirIfNew(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
