import type * as tf from '@tensorflow/tfjs';
import type { FilledRows, NativeBackend } from '../native-backend.js';
import { BufferPool, type Slot } from '../pool.js';

/** A result in the making: the array that native code fills, and what tfjs will know it by. */
export interface Result {
  readonly info: tf.TensorInfo;
  readonly array: Float32Array;
}

/** What a forward pass keeps for its backward pass, outside of all tensors. */
export interface Kept {
  readonly array: Float32Array;
  readonly slot: Slot | undefined;
}

/** How fused kernels read tensors, make results and keep what lies between the passes. */
export class Memory {
  readonly #pool: BufferPool;

  constructor(private readonly backend: NativeBackend) {
    this.#pool = new BufferPool(backend.addon);
  }

  /** Returns when all kernels have run: before JavaScript looks into arrays, or writes to them. */
  wait(): void {
    this.backend.wait();
  }

  /** What waits for the kernels that were called until now, and for no later ones. */
  untilNow(): () => void {
    const { addon } = this.backend;
    const count = addon.kernelsCalled();
    return () => addon.waitUntilRun(count);
  }

  clear(array: Float32Array): void {
    this.backend.addon.fillFloat(array.length, 0, array);
  }

  /** Fills `to` with the first `length` values of `from`, over and over. */
  repeat(from: Float32Array, length: number, to: Float32Array): void {
    this.backend.addon.repeat(length, from, to.length, to);
  }

  /** Contents undefined. It must become a tensor. */
  result(shape: readonly number[]): Result {
    const info = this.backend.output(shape, 'float32');
    return { info, array: this.backend.floats(info) };
  }

  /** The values where they lie, for kernels, valid until the tensor is disposed. Refuses disposed tensors. */
  floats(tensor: tf.Tensor): Float32Array {
    tensor.throwIfDisposed();
    return this.backend.floats(tensor);
  }

  /** What is known of where it is zero. */
  filledRows(tensor: tf.Tensor): FilledRows | undefined {
    return this.backend.filledRows(tensor);
  }

  /** The values to be changed in place, `undefined` where another tensor may see them. */
  own(tensor: tf.Tensor): Float32Array | undefined {
    tensor.throwIfDisposed();
    return tensor.dtype === 'float32' && this.backend.exclusive(tensor) ? this.backend.floats(tensor) : undefined;
  }

  /** The same for int32 tensors. */
  ints(tensor: tf.Tensor): Int32Array {
    tensor.throwIfDisposed();
    return this.backend.ints(tensor);
  }

  /** Contents undefined. What is never given back is left to the garbage collector. */
  keep(length: number): Kept {
    const slot = this.#pool.take(length * Float32Array.BYTES_PER_ELEMENT);
    return { slot, array: slot ? new Float32Array(slot.buffer, 0, length) : new Float32Array(length) };
  }

  /** For as long as `use` runs. Contents undefined. */
  borrow<T>(length: number, use: (array: Float32Array) => T): T {
    const kept = this.keep(length);
    try {
      return use(kept.array);
    } finally {
      this.release(kept);
    }
  }

  /** Takes it back; the caller must not use it any more. */
  release({ slot }: Kept): void {
    if (slot !== undefined) this.#pool.release(slot);
  }
}
