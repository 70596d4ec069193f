import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sorted } from '../report/config-hash.js';
import { makeFolder, writeJson } from '../run-folder/files.js';

/** To be raised where the same inputs give another figure than before. */
const version = 1;

/** What was computed for figures, kept in files with a hash of what it was computed from. */
export class FigureCache {
  readonly #folder: string;

  /** @param folder may be missing */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * The value kept under a name if its inputs are still the same, or else the computed one, which is then kept in its place.
   * A damaged file counts as missing.
   *
   * Errors: RNNX_RUN_UNWRITABLE and those of `compute`.
   *
   * @param name of the file: letters, digits, hyphens
   * @param inputs JSON values: everything that decides the result
   * @param compute gives a JSON value
   */
  async get<T>(name: string, inputs: unknown, compute: () => Promise<T>): Promise<T> {
    const path = join(this.#folder, `${name}.json`);
    const text = JSON.stringify(sorted({ version, inputs }));
    const key = createHash('sha256').update(text).digest('hex');
    const kept = await readKept(path);
    if (kept?.key === key && kept.value !== undefined) return kept.value as T;
    const value = await compute();
    await makeFolder(this.#folder);
    await writeJson(path, { key, value });
    return value;
  }
}

async function readKept(path: string): Promise<{ readonly key?: unknown; readonly value?: unknown } | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** SHA-256 of a file. */
export async function hashFile(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
