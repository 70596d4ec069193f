import { availableParallelism } from 'node:os';
import native, { findAddon } from '@rnnx/backend-native';
import webgpu from '@rnnx/backend-webgpu';
import portable from '@rnnx/backends';
import { type Backend, PluginRegistry } from '@rnnx/core';

const registry = new PluginRegistry([...native, ...webgpu, ...portable]);

/** Errors: RNNX_PLUGIN_UNKNOWN. */
export function createEngine(name: string): Backend {
  return registry.create('backend', name);
}

/** Those of the backends that work here; where none does, `wasm`, which works everywhere. */
export async function availableEngines(
  names: readonly string[],
  notice: (text: string) => void,
): Promise<Map<string, Backend>> {
  const found = new Map<string, Backend>();
  for (const name of names) {
    const backend = createEngine(name);
    const status = await backend.probe();
    if (status.available) found.set(name, backend);
    else notice(`${name}: ${status.reason}`);
  }
  if (found.size === 0) {
    notice('none of the backends works here: wasm takes their place; --sizes 200 spares hours');
    found.set('wasm', createEngine('wasm'));
  }
  for (const backend of [...found.values()].reverse()) await backend.activate();
  return found;
}

/** Threads of the native backend, once it is active; PyTorch's BLAS gets as many. */
export function threadCount(): number {
  const found = findAddon();
  return 'addon' in found ? found.addon.threadCount() : availableParallelism();
}
