import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { root } from '../checks/repository.js';
import type { Size } from './workload.js';

export interface PyTorch {
  readonly version: string;
  /** One timed round, tokens a second. */
  measure(size: Size, variant: string, seconds: number): Promise<number>;
  close(): void;
}

/** PyTorch in a process of its own, waiting for rounds; `undefined` where no Python on this machine has it. */
export async function startPyTorch(): Promise<PyTorch | undefined> {
  const python = ['/usr/bin/python3', 'python3'].find(
    (command) => spawnSync(command, ['-c', 'import torch'], { stdio: 'ignore' }).status === 0,
  );
  if (python === undefined) return undefined;
  const env = { ...process.env, OPENBLAS_NUM_THREADS: String(availableParallelism()), OMP_NUM_THREADS: '1' };
  const child = spawn(python, [`${root}test/src/bench/pytorch.py`], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const next = async (): Promise<Record<string, unknown>> => {
    const [line] = (await Promise.race([once(lines, 'line'), failed(child)])) as [string];
    return JSON.parse(line);
  };
  const { version } = await next();
  return {
    version: String(version),
    async measure({ hiddenSize, steps, batch, vocabulary }, variant, seconds) {
      child.stdin.write(`${[hiddenSize, steps, batch, vocabulary, variant, seconds].join(' ')}\n`);
      return Number((await next()).tokensPerSecond);
    },
    close: () => child.stdin.end(),
  };
}

async function failed(child: ReturnType<typeof spawn>): Promise<never> {
  const [code] = await once(child, 'exit');
  throw new Error(`the PyTorch process ended with code ${code}`);
}
