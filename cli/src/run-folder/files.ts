import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isPlainObject, RnnxError } from '@rnnx/core';
import writeFileAtomic from 'write-file-atomic';

/** Errors: RNNX_RUN_UNWRITABLE in place of the file system's own. */
export async function guarded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw unwritable(path, error);
  }
}

export function unwritable(path: string, cause: unknown): unknown {
  if (cause instanceof RnnxError) return cause;
  return new RnnxError('RNNX_RUN_UNWRITABLE', `Cannot write ${path}`, {
    got: (cause as Error).message,
    expected: 'a folder that can be written, with space left',
    remedy: 'choose another place with --out, or free space and go on with --resume',
    cause,
  });
}

/** A whole file or nothing: written beside, synced to disk, then renamed. Errors: RNNX_RUN_UNWRITABLE. */
export async function writeAtomically(path: string, content: string | Uint8Array): Promise<void> {
  const data = typeof content === 'string' ? content : Buffer.from(content.buffer, content.byteOffset, content.length);
  await guarded(path, () => writeFileAtomic(path, data, { fsync: true }));
}

export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeAtomically(path, `${JSON.stringify(value, null, 2)}\n`);
}

export async function makeFolder(path: string): Promise<void> {
  await guarded(path, () => makeFolders(path));
}

/** With those above it. Node's own `recursive` never ends below /proc and hides why a read-only disk refuses. */
async function makeFolders(path: string): Promise<void> {
  if (await makeOne(path)) return;
  await makeFolders(dirname(path));
  if (!(await makeOne(path))) throw new Error(`ENOENT: no folder can be made here, mkdir '${path}'`);
}

/** Whether there now is such a folder; `false` where the one above is missing. */
async function makeOne(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return false;
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return true;
    throw error;
  }
}

/** Whether what a file holds is what rnnx writes there, as far as reading it needs. */
export type Fits = (value: Readonly<Record<string, unknown>>) => boolean;

/** Errors: RNNX_RUN_MISSING where there is no such file, RNNX_CONFIG_UNREADABLE where it is damaged. */
export async function readJson<T>(path: string, fits: Fits): Promise<T> {
  const value = await readJsonIfThere<T>(path, fits);
  if (value !== undefined) return value;
  throw new RnnxError('RNNX_RUN_MISSING', `There is no run in ${dirname(path)}`, {
    got: `no file ${path}`,
    expected: 'the folder of a run or of an experiment, as `rnnx run` prints it',
    remedy: 'correct the path',
  });
}

/** The same, or `undefined` where there is no such file. */
export async function readJsonIfThere<T>(path: string, fits: Fits): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw damaged(path, 'cannot be read', (error as Error).message, error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(path, 'is not JSON', (cause as Error).message, cause);
  }
  if (!isPlainObject(value) || !fits(value)) throw damaged(path, 'is not what rnnx writes there', excerpt(text));
  return value as T;
}

function excerpt(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 60 ? `${line.slice(0, 57)}...` : line;
}

function damaged(path: string, what: string, got: string, cause?: unknown): RnnxError {
  return new RnnxError('RNNX_CONFIG_UNREADABLE', `${path} ${what}`, {
    got,
    expected: 'the file as rnnx wrote it',
    remedy: 'restore the file, or start the run anew',
    cause,
  });
}
