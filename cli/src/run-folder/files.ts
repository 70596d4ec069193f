import { mkdir } from 'node:fs/promises';
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
