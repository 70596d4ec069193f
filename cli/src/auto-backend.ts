import { gpuMayExist } from '@rnnx/backend-webgpu';
import { autoOrder as otherBackends } from '@rnnx/backends';
import type { BackendStatus, PluginRef } from '@rnnx/core';

/** What the backend `auto` tries, in this order: the first that `suitsAuto`. */
export function autoOrder(): readonly string[] {
  // Starting a GPU driver takes a while and may print warnings: only where there is a device.
  return [...(gpuMayExist() ? ['webgpu'] : []), 'native', ...otherBackends];
}

/** Software that plays a GPU is for tests, and slower than every other backend. */
export function suitsAuto(status: BackendStatus): boolean {
  return status.available && status.emulated !== true;
}

/** Where a configuration leaves the backend open, the environment variable RNNX_BACKEND may name one. */
export function wantedBackend(configured: PluginRef): PluginRef {
  return configured === 'auto' ? process.env.RNNX_BACKEND || 'auto' : configured;
}
