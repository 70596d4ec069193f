import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ExperimentEvent } from '../events.js';

/** How a child process ended. */
export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The coded error that it printed, or the last lines of its standard error. */
  readonly message: string;
  readonly seconds: number;
}

export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Aborting asks for a checkpoint and a clean end. */
  readonly signal?: AbortSignal;
  onStart?(pid: number): void;
  onEvent?(event: ExperimentEvent): void;
  /** Every other line of standard output. */
  onLine?(line: string): void;
}

const binary = fileURLToPath(new URL('../../bin/rnnx.js', import.meta.url));
/** Time between asking a child to end and ending it: one minibatch and a checkpoint of the largest models. */
const patienceMs = 120_000;
const errorLines = 6;

const children = new Set<() => void>();
process.on('exit', () => {
  for (const kill of children) kill();
});

/**
 * Runs the command line in a process of its own, and in a group of its own, so that Ctrl-C in a terminal reaches only the
 * parent, which decides. Never rejects: whatever happens to the child is in the result.
 */
export function runChild(args: readonly string[], options: ChildOptions = {}): Promise<ChildEnd> {
  const { signal } = options;
  const began = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [binary, ...args], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'], // no messages: its end tells the child that this process was killed
      env: { ...process.env, NO_COLOR: '1', ...options.env },
    });
    const kill = () => child.kill('SIGKILL');
    children.add(kill);
    if (child.pid !== undefined) options.onStart?.(child.pid);
    let coded: string | undefined;
    const errors: string[] = [];
    let timer: NodeJS.Timeout | undefined;
    const onAbort = () => {
      child.kill('SIGINT');
      timer = setTimeout(kill, patienceMs);
      timer.unref();
    };
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    const lines = createInterface({ input: child.stdout! });
    lines.on('line', (line) => {
      const event = parseEvent(line);
      if (event === undefined) options.onLine?.(line);
      else if (event.type === 'error') coded = `${event.code} ${event.message}`;
      else options.onEvent?.(event);
    });
    createInterface({ input: child.stderr! }).on('line', (line) => {
      if (line.trim() !== '') errors.push(line.trim());
      if (errors.length > errorLines) errors.shift();
    });
    const end = (code: number | null, ended: NodeJS.Signals | null, problem?: string) => {
      children.delete(kill);
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      const message = problem ?? coded ?? errors.join(' ');
      resolve({ code, signal: ended, message, seconds: (performance.now() - began) / 1000 });
    };
    child.on('error', (error) => end(null, null, error.message));
    child.on('close', (code, ended) => end(code, ended));
  });
}

type ErrorLine = { readonly type: 'error'; readonly code: string; readonly message: string };

function parseEvent(line: string): ExperimentEvent | ErrorLine | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && 'type' in value) return value as ExperimentEvent | ErrorLine;
  } catch {
    // not an event
  }
  return undefined;
}
