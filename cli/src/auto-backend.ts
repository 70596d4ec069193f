import { autoOrder as otherBackends } from '@rnnx/backends';
import type { PluginRef } from '@rnnx/core';

/** What the backend `auto` tries, in this order: the first that works. */
export const autoOrder: readonly string[] = ['native', ...otherBackends];

/** Where a configuration leaves the backend open, the environment variable RNNX_BACKEND may name one. */
export function wantedBackend(configured: PluginRef): PluginRef {
  return configured === 'auto' ? process.env.RNNX_BACKEND || 'auto' : configured;
}
