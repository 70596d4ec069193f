import { findAddon } from '@rnnx/backend-native';
import { type FusedKernels, fusedKernels, registerFusedKernels } from '@rnnx/core';
import { useBackend } from './backend.js';

/** Runs the tests of the enclosing `describe` on the native backend, or skips them and says so where it is not built. */
export function onNative(): void {
  before(async function () {
    const found = findAddon();
    if ('reason' in found) {
      console.warn(`      skipped, the native backend is not here: ${found.reason}`);
      this.skip();
    }
    await useBackend('native');
  });
  after(async () => {
    await useBackend('cpu');
  });
}

/** How often each fused kernel took a request while `body` ran on the native backend. */
export function countFused<T>(body: () => T) {
  const kernels = fusedKernels();
  let [sequences, normalized, losses, sigmoids] = [0, 0, 0, 0];
  const counting: FusedKernels = {
    sequence(request) {
      const made = kernels.sequence?.(request);
      if (made !== undefined) sequences++;
      return made;
    },
    normalizedSequence(request) {
      const made = kernels.normalizedSequence?.(request);
      if (made !== undefined) normalized++;
      return made;
    },
    linearCrossEntropy(...args) {
      const made = kernels.linearCrossEntropy?.(...args);
      if (made !== undefined) losses++;
      return made;
    },
    linearSigmoid(...args) {
      const made = kernels.linearSigmoid?.(...args);
      if (made !== undefined) sigmoids++;
      return made;
    },
  };
  registerFusedKernels('native', counting);
  try {
    return { result: body(), sequences, normalized, losses, sigmoids };
  } finally {
    registerFusedKernels('native', kernels);
  }
}
