import type { FusedKernels } from '@rnnx/core';
import type { NativeBackend } from '../native-backend.js';
import type { OutputAddon, SequenceAddon } from './addon.js';
import { createLinearCrossEntropy } from './cross-entropy.js';
import { Memory } from './memory.js';
import { createSequence } from './sequence.js';

/** What the native backend runs as one kernel. Each has its composed counterpart in core. */
export function createFusedKernels(backend: NativeBackend, addon: OutputAddon & SequenceAddon): FusedKernels {
  const store = new Memory(backend);
  return {
    sequence: createSequence(addon, store),
    linearCrossEntropy: createLinearCrossEntropy(addon, store),
  };
}
