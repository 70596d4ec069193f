import * as tf from '@tensorflow/tfjs';
import type { Weights } from '../contracts/parameters.js';

/** Disposes every tensor in the given objects, arrays and tensors; `undefined` is passed over. */
export function dispose(...containers: readonly unknown[]): void {
  tf.dispose(containers as tf.TensorContainer);
}

/** Disposes the tensors of `before` that are not in `after`. */
export function disposeReplaced(before: Weights, after: Weights): void {
  for (const [name, tensor] of Object.entries(before)) if (after[name] !== tensor) tensor.dispose();
}

/** `tf.tidy` for results whose type it cannot express. */
export function tidied<T>(run: () => T): T {
  return tf.tidy(() => run() as unknown as tf.TensorContainer) as unknown as T;
}

/** Reads a float32 tensor and disposes it. */
export async function read(tensor: tf.Tensor): Promise<Float32Array> {
  try {
    // A copy, because some backends hand out their own buffer.
    return (await tensor.data<'float32'>()).slice();
  } finally {
    tensor.dispose();
  }
}
