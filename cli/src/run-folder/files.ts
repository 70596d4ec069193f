import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RnnxError } from '@rnnx/core';
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
  await guarded(path, () => mkdir(path, { recursive: true }));
}

/** Errors: RNNX_RUN_MISSING where there is no such file, RNNX_CONFIG_UNREADABLE where it is not JSON. */
export async function readJson<T>(path: string): Promise<T> {
  const value = await readJsonIfThere<T>(path);
  if (value !== undefined) return value;
  throw new RnnxError('RNNX_RUN_MISSING', `There is no run in ${dirname(path)}`, {
    got: `no file ${path}`,
    expected: 'the folder of a run or of an experiment, as `rnnx run` prints it',
    remedy: 'correct the path',
  });
}

/** The same, or `undefined` where there is no such file. */
export async function readJsonIfThere<T>(path: string): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new RnnxError('RNNX_CONFIG_UNREADABLE', `${path} is not JSON`, {
      got: (cause as Error).message,
      expected: 'the file as rnnx wrote it',
      remedy: 'restore the file, or start the run anew',
      cause,
    });
  }
}
