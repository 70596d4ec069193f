import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { root } from '../checks/repository.js';
import type { Spec } from './workload.js';

/** What PyTorch's programs are told. */
export interface PyTorchSpec extends Spec {
  /** Where there is another than the fastest program: NOISIN as it is commonly written, a loop over nn.LSTMCell. */
  readonly program?: 'cells';
}

export interface PyTorch {
  /** With the BLAS that it uses. */
  readonly version: string;
  /** One timed round of training steps. */
  stepsPerSecond(spec: PyTorchSpec, seconds: number): Promise<number>;
  /** Loss of simple weights without noise, for tests. */
  loss(spec: PyTorchSpec, inputs: readonly number[], targets: readonly number[]): Promise<number>;
  /** Peak resident memory, in MB, of a fresh process that takes this many steps. */
  peakMemory(spec: Spec, steps: number): number;
  close(): void;
}

/** Importing it would take seconds. */
const findTorch = "import importlib.util as u, sys; sys.exit(u.find_spec('torch') is None)";
const program = `${root}test/src/bench/pytorch.py`;

/**
 * PyTorch in a process of its own, waiting for rounds; `undefined` where no Python on this machine has it. OpenBLAS has the
 * threads and torch one, which is its fastest setting at these sizes.
 */
export async function startPyTorch(threads: number): Promise<PyTorch | undefined> {
  const python = ['/usr/bin/python3', 'python3'].find(
    (command) => spawnSync(command, ['-c', findTorch], { stdio: 'ignore' }).status === 0,
  );
  if (python === undefined) return undefined;
  const env = { ...process.env, OPENBLAS_NUM_THREADS: String(threads), OMP_NUM_THREADS: '1' };
  const child = spawn(python, [program], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = failed(child);
  // Whoever waits for an answer is told.
  ended.catch(() => {});
  child.stdin.on('error', () => {});
  const lines = createInterface({ input: child.stdout });
  const next = async (): Promise<Record<string, unknown>> => {
    const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string];
    return JSON.parse(line);
  };
  // One that does not import says why on standard error.
  const hello = await next().catch(() => undefined);
  if (hello === undefined) return undefined;
  const ask = (request: object) => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    return next();
  };
  return {
    version: String(hello.version),
    stepsPerSecond: async (spec, seconds) => Number((await ask({ spec, seconds })).stepsPerSecond),
    loss: async (spec, inputs, targets) => Number((await ask({ spec, inputs, targets })).loss),
    peakMemory(spec, steps) {
      const answer = execFileSync(python, [program, JSON.stringify({ spec, steps })], {
        env,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      return Number(JSON.parse(answer).peakMB);
    },
    close: () => child.stdin.end(),
  };
}

async function failed(child: ReturnType<typeof spawn>): Promise<never> {
  const [code, signal] = await once(child, 'exit');
  throw new Error(`the PyTorch process ended with ${signal ?? `code ${code}`}`);
}
