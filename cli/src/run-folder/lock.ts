import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { isPlainObject, RnnxError } from '@rnnx/core';
import { unwritable } from './files.js';

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process began, where the system tells: numbers of processes are used again. */
  readonly began: string | null;
}

/** Folders that this process holds: its own number alone would let it take one twice. */
const held = new Set<string>();

/**
 * Keeps other processes off a folder while this one writes in it: `running.json` names the process. One that died left the
 * file behind, which the next takes over.
 *
 * Errors: RNNX_RUN_BUSY, RNNX_RUN_UNWRITABLE.
 *
 * @returns gives the folder back; more than once does no harm
 */
export function lockFolder(folder: string): () => void {
  const path = join(resolve(folder), 'running.json');
  if (held.has(path)) throw busy(folder, { pid: process.pid, host: hostname(), began: null });
  if (!claim(path)) {
    const holder = readHolder(path);
    if (holder !== undefined && isRunning(holder)) throw busy(folder, holder);
    rmSync(path, { force: true });
    // Another may have seen the same leftover: who makes the file first has the folder.
    if (!claim(path)) throw busy(folder, readHolder(path));
  }
  held.add(path);
  return () => {
    if (held.delete(path)) rmSync(path, { force: true });
  };
}

/** Makes the file, unless there is one. */
function claim(path: string): boolean {
  try {
    const file = openSync(path, 'wx');
    const holder: Holder = { pid: process.pid, host: hostname(), began: beginning(process.pid) };
    writeSync(file, `${JSON.stringify(holder)}\n`);
    closeSync(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw unwritable(path, error);
  }
}

function readHolder(path: string): Holder | undefined {
  try {
    const holder: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isPlainObject(holder) && typeof holder.pid === 'number' ? (holder as unknown as Holder) : undefined;
  } catch {
    return undefined;
  }
}

/** A process of another machine that shares the disk cannot be asked: it counts as running. */
function isRunning({ pid, host, began }: Holder): boolean {
  if (host !== hostname()) return true;
  if (pid === process.pid) return false; // an earlier process of the same number
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return began === null || beginning(pid) === began;
}

/** Start of a process in ticks since the machine started (Linux). */
function beginning(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in brackets may hold anything; the 22nd field is the 20th after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

function busy(folder: string, holder: Holder | undefined): RnnxError {
  const who = holder === undefined ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  return new RnnxError('RNNX_RUN_BUSY', `Another process is writing in ${folder}`, {
    got: who,
    expected: 'one process at a time',
    remedy: 'wait for it or stop it; if there is no such process, delete running.json in that folder',
  });
}
