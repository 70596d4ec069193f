import { type FusedKernels, fusedKernels, registerFusedKernels } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

/** How often each fused kernel took a request while `body` ran on the current backend; sums are losses too. */
export function countFused<T>(body: () => T) {
  const backend = tf.getBackend();
  const kernels = fusedKernels();
  let [sequences, normalized, moments, losses, sums, sigmoids] = [0, 0, 0, 0, 0, 0];
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
    momentSequence(request) {
      const made = kernels.momentSequence?.(request);
      if (made !== undefined) moments++;
      return made;
    },
    linearCrossEntropy(...args) {
      const made = kernels.linearCrossEntropy?.(...args);
      if (made !== undefined) losses++;
      return made;
    },
    linearCrossEntropySum(...args) {
      const made = kernels.linearCrossEntropySum?.(...args);
      if (made !== undefined) [losses, sums] = [losses + 1, sums + 1];
      return made;
    },
    linearSigmoid(...args) {
      const made = kernels.linearSigmoid?.(...args);
      if (made !== undefined) sigmoids++;
      return made;
    },
  };
  registerFusedKernels(backend, counting);
  try {
    return { result: body(), sequences, normalized, moments, losses, sums, sigmoids };
  } finally {
    registerFusedKernels(backend, kernels);
  }
}
