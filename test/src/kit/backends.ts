import { cpu, wasm } from '@rnnx/backends';
import { type AnyPlugin, type Backend, enableFusedKernels, fusedKernels, PluginRegistry } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { fail, NotApplicable } from './outcome.js';

/** Relative difference of losses on two backends, for sums in another order; bits need not agree. */
export const backendTolerance = 1e-4;

/** The backends that every machine has. */
export const portableBackends: readonly AnyPlugin[] = [cpu, wasm];

let started: Promise<Backend> | undefined;

async function startCpu(): Promise<Backend> {
  const backend: Backend = new PluginRegistry([cpu]).create('backend', 'cpu');
  await backend.activate();
  return backend;
}

/** Runs work on the cpu backend and makes the one before current again. */
export async function onCpu(work: () => Promise<void>): Promise<void> {
  const before: string | null = tf.getBackend();
  // Once, since it registers every kernel anew.
  started ??= startCpu();
  const backend = await started;
  await tf.setBackend(backend.tfjsName);
  try {
    await work();
  } finally {
    if (before && before !== backend.tfjsName) await tf.setBackend(before);
  }
}

/**
 * Runs work on each backend that works here, and makes the one before current again. Where a backend has fused kernels, the
 * composed path runs beside them.
 */
export async function onEachBackend<T>(
  plugins: readonly AnyPlugin[],
  work: () => Promise<T>,
): Promise<(readonly [name: string, result: T])[]> {
  const registry = new PluginRegistry(plugins);
  const before: string | null = tf.getBackend();
  const results: (readonly [string, T])[] = [];
  try {
    for (const { name } of registry.list('backend')) {
      const backend: Backend = registry.create('backend', name);
      if (!(await backend.probe()).available) continue;
      await backend.activate();
      results.push([name, await work()]);
      if (Object.keys(fusedKernels()).length === 0) continue;
      enableFusedKernels(false);
      try {
        results.push([`${name} without fused kernels`, await work()]);
      } finally {
        enableFusedKernels(true);
      }
    }
  } finally {
    if (before) await tf.setBackend(before);
  }
  if (results.length < 2)
    throw new NotApplicable(`one backend of ${registry.list('backend').map(({ name }) => name)} works here`);
  return results;
}

/** Fails where results differ by more than rounding. */
export function requireAgreement(what: string, results: readonly (readonly [string, Float32Array])[]): void {
  const [[first, expected], ...others] = results as [[string, Float32Array], ...[string, Float32Array][]];
  const scale = Math.max(...expected.map(Math.abs));
  for (const [name, values] of others)
    for (const [i, value] of values.entries())
      if (!(Math.abs(value - expected[i]!) <= backendTolerance * Math.max(scale * 0.1, Math.abs(expected[i]!))))
        fail(`${what}: ${first} computes ${expected[i]}, ${name} computes ${value}`);
}
