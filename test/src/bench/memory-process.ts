import { readFileSync } from 'node:fs';
import { createEngine } from './engines.js';
import { createWorkload, type Spec } from './workload.js';

export interface MemoryRequest {
  readonly engine: string;
  readonly spec: Spec;
  /** Steps, in order, after which resident memory is read; the last one ends the process. */
  readonly sampleAt: readonly number[];
}

export interface MemoryAnswer {
  readonly peakMB: number;
  /** One a sample, after a garbage collection. */
  readonly residentMB: readonly number[];
}

/** A process that does nothing but train. Its one argument is a MemoryRequest; it prints a MemoryAnswer. */
async function main({ engine, spec, sampleAt }: MemoryRequest): Promise<MemoryAnswer> {
  await createEngine(engine).activate();
  const workload = createWorkload(spec);
  const residentMB: number[] = [];
  let peakMB = 0;
  for (let step = 1; step <= sampleAt.at(-1)!; step++) {
    await workload.step();
    if (!sampleAt.includes(step)) continue;
    peakMB = peakKilobytes() / 1024;
    globalThis.gc?.();
    residentMB.push(process.memoryUsage.rss() / 2 ** 20);
  }
  return { peakMB, residentMB };
}

/** Of this program alone: `maxRSS` also counts what its parent had before the fork. */
function peakKilobytes(): number {
  try {
    const [, peak] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))!;
    return Number(peak);
  } catch {
    return process.resourceUsage().maxRSS;
  }
}

console.log(JSON.stringify(await main(JSON.parse(process.argv[2]!) as MemoryRequest)));
