import { plugins as nativePlugins } from '@rnnx/backend-native';
import { plugins, stockKernels } from '@rnnx/backends';
import { type Backend, PluginRegistry } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

const registry = new PluginRegistry([...plugins, ...nativePlugins]);

/** Makes a backend current for the whole process; call `useBackend('cpu')` in an `after` hook to undo it. */
export async function useBackend(name: 'cpu' | 'wasm' | 'native'): Promise<Backend> {
  const backend = registry.create('backend', name);
  await backend.activate();
  return backend;
}

/** Runs the tests of the enclosing `describe` on a backend, then goes back to cpu. */
export function onBackend(name: 'cpu' | 'wasm' | 'native'): void {
  before(async () => {
    await useBackend(name);
  });
  after(async () => {
    await useBackend('cpu');
  });
}

/** tfjs's cpu backend with no kernel of ours, under the name `stock`: the reference for ours. */
export async function useStockBackend(): Promise<void> {
  if (tf.findBackendFactory('stock') == null) {
    await useBackend('cpu');
    const CpuBackend = tf.findBackend('cpu').constructor as new () => tf.KernelBackend & { firstUse: boolean };
    const backend = new CpuBackend();
    backend.firstUse = false;
    tf.registerBackend('stock', () => backend, 0);
    for (const kernel of stockKernels('cpu')) tf.registerKernel({ ...kernel, backendName: 'stock' });
  }
  await tf.setBackend('stock');
}

export type BackendName = 'stock' | 'cpu' | 'wasm' | 'native';

/** Runs `body` on a backend inside a tidy and reads what it returns. */
export async function runOn(name: BackendName, body: () => tf.Tensor | tf.Tensor[]): Promise<Result[]> {
  await (name === 'stock' ? useStockBackend() : useBackend(name));
  const outputs = tf.tidy(() => [body()].flat());
  const results = await Promise.all(
    outputs.map(async (tensor) => ({
      shape: tensor.shape,
      dtype: tensor.dtype,
      values: Array.from(await tensor.data()),
    })),
  );
  tf.dispose(outputs);
  return results;
}

export interface Result {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly values: readonly number[];
}
