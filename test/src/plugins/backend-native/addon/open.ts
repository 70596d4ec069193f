import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Addon, findAddon } from '@rnnx/backend-native';
import { createRng } from '@rnnx/core';

/** The addon as the backend has it, whose kernels run while JavaScript goes on; an error where there is none. */
export function rawAddon(): Addon {
  const found = findAddon();
  if ('reason' in found) throw new Error(found.reason);
  return found.addon;
}

/** The addon, each function of which returns when its results are there. */
export function openAddon(): Addon {
  const addon = rawAddon();
  const waiting = Object.entries(addon).map(([name, call]: [string, (...given: unknown[]) => unknown]) => [
    name,
    (...given: unknown[]) => {
      const result = call(...given);
      addon.waitForKernels();
      return result;
    },
  ]);
  return Object.fromEntries(waiting) as Addon;
}

/** Skips the tests of the enclosing `describe`, and says so, where the addon is not built. */
export function needsAddon(): void {
  before(function () {
    const found = findAddon();
    if ('addon' in found) return;
    if (process.env.RNNX_REQUIRE_NATIVE) throw new Error(found.reason);
    console.warn(`      skipped, there is no native addon: ${found.reason}`);
    this.skip();
  });
}

/** Instruction sets that this processor has, by asking for each in a process of its own. */
export function instructionSets(): string[] {
  return ['baseline', 'avx2', 'avx512', 'neon'].filter((isa) => runProgram('isa', { RNNX_NATIVE_ISA: isa }) === isa);
}

/** Runs a program of this folder in a process of its own and gives what it printed; an error where it fails or crashes. */
export function runProgram(name: string, environment: Record<string, string> = {}): unknown {
  const program = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [program], {
    env: { ...process.env, ...environment },
    encoding: 'utf8',
    timeout: 50_000,
  });
  if (status !== 0) throw new Error(`${name} ended with ${signal ?? `exit code ${status}`}\n${stdout}\n${stderr}`);
  return JSON.parse(stdout);
}

/** Numbers for one test, the same on every run. */
export class Draws {
  readonly #values: Float64Array;
  #next = 0;

  constructor(name: string) {
    this.#values = createRng(17)
      .stream(name)
      .doubles(1 << 18);
  }

  unit(): number {
    this.#next = (this.#next + 1) % this.#values.length;
    return this.#values[this.#next]!;
  }

  /** Whole, from low up to high, both included. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.unit() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.whole(0, from.length - 1)]!;
  }

  /** Uniform in -scale .. scale. */
  floats(count: number, scale = 1): Float32Array {
    return Float32Array.from({ length: count }, () => (2 * this.unit() - 1) * scale);
  }
}
