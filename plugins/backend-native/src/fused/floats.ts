import type * as tf from '@tensorflow/tfjs';
import type { NativeBackend } from '../native-backend.js';

/** A result in the making: the array that native code fills, and what tfjs will know it by. */
export interface Floats {
  readonly info: tf.TensorInfo;
  readonly array: Float32Array;
}

/** Reads tensors and makes results in a backend's memory. */
export function floatsIn(backend: NativeBackend): {
  /** Contents undefined. It must become a tensor or be released. */
  make(shape: readonly number[]): Floats;
  /** The values where they lie, valid until the tensor is disposed. Refuses disposed tensors. */
  read(tensor: tf.Tensor): Float32Array;
} {
  return {
    make(shape) {
      const info = backend.output(shape, 'float32');
      return { info, array: backend.floats(info) };
    },
    read(tensor) {
      tensor.throwIfDisposed();
      return backend.floats(tensor);
    },
  };
}
