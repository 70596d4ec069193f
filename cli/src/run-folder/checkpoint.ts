import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Progress, RnnxError, type Snapshot } from '@rnnx/core';
import { writeAtomically } from './files.js';
import { decodeSafetensors, encodeSafetensors, otherCheckpoint } from './safetensors.js';

/** `last` resumes; `best` is the epoch with the best validation metric so far. */
export type CheckpointName = 'last' | 'best';

/** Version of what the metadata mean. */
const format = 'rnnx-checkpoint/1';

export function checkpointPath(folder: string, name: CheckpointName): string {
  return join(folder, 'checkpoints', `${name}.safetensors`);
}

/** Errors: RNNX_RUN_UNWRITABLE; the checkpoint that was there then stands. */
export async function writeCheckpoint(folder: string, name: CheckpointName, snapshot: Snapshot): Promise<void> {
  const metadata = { format, progress: JSON.stringify(snapshot.progress, spellNonFinite) };
  await writeAtomically(checkpointPath(folder, name), encodeSafetensors({ tensors: snapshot.tensors, metadata }));
}

/** Errors: RNNX_CHECKPOINT_MISSING, RNNX_CHECKPOINT_CORRUPT. */
export async function readCheckpoint(folder: string, name: CheckpointName): Promise<Snapshot> {
  const snapshot = await findCheckpoint(folder, name);
  if (snapshot !== undefined) return snapshot;
  throw new RnnxError('RNNX_CHECKPOINT_MISSING', `The run in ${folder} has no checkpoint "${name}"`, {
    got: `no file ${checkpointPath(folder, name)}`,
    expected: 'a checkpoint, written at the end of each epoch',
    remedy: 'go on with the run: rnnx run --resume, or choose another run',
  });
}

/** The checkpoint, or `undefined` where none was written yet. Errors: RNNX_CHECKPOINT_CORRUPT. */
export async function findCheckpoint(folder: string, name: CheckpointName): Promise<Snapshot | undefined> {
  const path = checkpointPath(folder, name);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw corrupt(path, (error as Error).message, 'a file that can be read', error);
  }
  const { tensors, metadata } = decodeSafetensors(bytes, path);
  if (metadata.format !== format) throw corrupt(path, `format ${JSON.stringify(metadata.format)}`, format);
  return { tensors, progress: readProgress(metadata.progress, path) };
}

const counters = ['seed', 'epoch', 'step', 'globalStep', 'bestEpoch'] as const;
const reals = ['learningRate', 'epochNll', 'epochCount'] as const;

function readProgress(text: string | undefined, path: string): Progress {
  const fail = (field: string, value: unknown) =>
    corrupt(path, `progress with ${field} ${JSON.stringify(value) ?? 'missing'}`, 'the progress of a run');
  let progress: Record<string, unknown>;
  try {
    progress = JSON.parse(text ?? '', readNonFinite);
  } catch (cause) {
    throw corrupt(path, 'progress that is not JSON', 'the progress of a run', cause);
  }
  if (typeof progress !== 'object' || progress === null) throw fail('value', progress);
  for (const field of counters)
    if (!Number.isSafeInteger(progress[field]) || (progress[field] as number) < 0) throw fail(field, progress[field]);
  for (const field of reals) if (typeof progress[field] !== 'number') throw fail(field, progress[field]);
  const { history, averagingSince } = progress;
  if (!Array.isArray(history) || !history.every((metric) => typeof metric === 'number')) throw fail('history', history);
  if (averagingSince !== null && !Number.isSafeInteger(averagingSince)) throw fail('averagingSince', averagingSince);
  // Checkpoints from before errors were counted are of tasks that have none.
  const { epochErrors = 0 } = progress;
  if (typeof epochErrors !== 'number') throw fail('epochErrors', epochErrors);
  return { ...progress, epochErrors } as unknown as Progress;
}

/** JSON would turn an infinite perplexity into null. */
function spellNonFinite(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

function readNonFinite(_key: string, value: unknown): unknown {
  return value === 'Infinity' || value === '-Infinity' || value === 'NaN' ? Number(value) : value;
}

function corrupt(path: string, got: string, expected: string, cause?: unknown): RnnxError {
  return new RnnxError('RNNX_CHECKPOINT_CORRUPT', `Checkpoint ${path} is damaged`, {
    got,
    expected,
    remedy: otherCheckpoint,
    ...(cause === undefined ? {} : { cause }),
  });
}
