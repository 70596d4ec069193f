import type { FusedKernels } from '@rnnx/core';
import type { NativeBackend } from '../native-backend.js';
import type { SequenceAddon } from './addon.js';
import { createSequence } from './sequence.js';

/** What the native backend runs as one kernel. Each has its composed counterpart in core. */
export function createFusedKernels(backend: NativeBackend, addon: SequenceAddon): FusedKernels {
  return { sequence: createSequence(backend, addon) };
}
