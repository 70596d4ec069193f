import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { RnnxError } from '@rnnx/core';
import { main } from '../../../cli/dist/main.js';

/** A folder for each test of a suite, outside the repository, removed afterwards. */
export function temporaryFolder(): { readonly path: string } {
  const folder = { path: '' };
  beforeEach(() => {
    folder.path = mkdtempSync(join(tmpdir(), 'rnnx-'));
  });
  afterEach(() => rmSync(folder.path, { recursive: true, force: true }));
  return folder;
}

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const binary = fileURLToPath(new URL('../../../cli/bin/rnnx.js', import.meta.url));

/** Starts `rnnx` in a folder. `onOutput` may kill it, or close the pipe that it writes to. */
export function rnnx(
  cwd: string,
  args: readonly string[],
  onOutput: (stdout: string, kill: (signal: NodeJS.Signals) => void, stopReading: () => void) => void = () => {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [binary, ...args], {
      cwd,
      env: { ...process.env, NO_COLOR: '1', XDG_CACHE_HOME: join(cwd, 'cache') },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      onOutput(
        stdout,
        (signal) => child.kill(signal),
        () => child.stdout.destroy(),
      );
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/**
 * The same inside this process, which spares the start. For what neither waits for signals nor depends on a pipe.
 */
export async function rnnxHere(cwd: string, args: readonly string[]): Promise<Omit<Finished, 'signal'>> {
  const before = { cwd: process.cwd(), cache: process.env.XDG_CACHE_HOME };
  const written = { stdout: '', stderr: '' };
  const streams = ['stdout', 'stderr'] as const;
  const writes = streams.map((name) => process[name].write);
  for (const name of streams)
    process[name].write = ((text: string) => {
      written[name] += stripVTControlCharacters(text);
      return true;
    }) as NodeJS.WriteStream['write'];
  process.chdir(cwd);
  process.env.XDG_CACHE_HOME = join(cwd, 'cache');
  try {
    await main(['node', 'rnnx', ...args]);
    return { code: Number(process.exitCode ?? 0), ...written };
  } finally {
    for (const [i, name] of streams.entries()) process[name].write = writes[i]!;
    process.exitCode = undefined;
    process.chdir(before.cwd);
    if (before.cache === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before.cache;
  }
}

/** The coded error that something ends in. */
export async function failureOf(work: () => unknown): Promise<RnnxError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof RnnxError) return error;
    throw error;
  }
  throw new Error('expected an error');
}

/** A training that takes about a second on the plain backend. */
export const tiny = {
  name: 'tiny',
  dataset: { name: 'grammar', trainTokens: 1200, validTokens: 300, testTokens: 300 },
  model: { hiddenSize: 8 },
  training: { epochs: 2, batchSize: 10, bptt: 10, reportEvery: 4 },
  evaluation: { batchSize: 5 },
  backend: 'cpu',
} as const;
