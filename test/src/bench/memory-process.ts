import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
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
  readonly samples: readonly MemorySample[];
}

export interface MemorySample {
  /** Resident memory but for the files in it: the system lets go of code that has not run for a while and reads it again. */
  readonly residentMB: number;
  /** Objects and arrays that something refers to; not what the addon has for itself. */
  readonly aliveMB: number;
}

/** A process that does nothing but train. Its one argument is a MemoryRequest; it prints a MemoryAnswer. */
async function main({ engine, spec, sampleAt }: MemoryRequest): Promise<MemoryAnswer> {
  await createEngine(engine).activate();
  const workload = createWorkload(spec);
  const samples: MemorySample[] = [];
  let peakMB = 0;
  for (let step = 1; step <= sampleAt.at(-1)!; step++) {
    await workload.step();
    if (!sampleAt.includes(step)) continue;
    peakMB = (status('VmHWM') ?? process.resourceUsage().maxRSS) / 1024;
    samples.push(await sample());
  }
  return { peakMB, samples };
}

async function sample(): Promise<MemorySample> {
  globalThis.gc?.();
  // V8 gives pages back on threads of its own.
  await setTimeout(50);
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  return { residentMB: (status('RssAnon') ?? rss / 1024) / 1024, aliveMB: (heapUsed + arrayBuffers) / 2 ** 20 };
}

/** Kilobytes of this program alone (`maxRSS` also counts what its parent had before the fork); `undefined` but on Linux. */
function status(entry: 'VmHWM' | 'RssAnon'): number | undefined {
  try {
    const [, found] = new RegExp(`^${entry}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))!;
    return Number(found);
  } catch {
    return undefined;
  }
}

console.log(JSON.stringify(await main(JSON.parse(process.argv[2]!) as MemoryRequest)));
