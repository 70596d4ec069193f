import * as tf from '@tensorflow/tfjs';
import type { Addon } from './addon-types.js';
import { BufferPool, type PoolStatistics, type Slot } from './pool.js';

export type Numbers = Float32Array | Int32Array | Uint8Array;
export type NumericType = 'float32' | 'int32' | 'bool';

interface TensorData {
  values: tf.backend_util.BackendValues;
  dtype: tf.DataType;
  refCount: number;
  complexTensorInfos?: unknown;
  /** Where the values lie in the pool's memory. */
  slot?: Slot;
  filled?: FilledRows;
}

/** Rows, ascending, outside which a tensor is zero: as a gradient of a table of which few rows were read. */
export interface FilledRows {
  /** Elements of a row. */
  readonly width: number;
  readonly rows: Int32Array;
}

/** What tfjs's cpu backend is made of; its class is not exported by the main package. */
interface CpuBackend extends tf.KernelBackend {
  /** True until it has printed an advertisement for tfjs-node. */
  firstUse: boolean;
  readonly data: { get(id: object): TensorData; has(id: object): boolean };
  write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): object;
  move(id: object, values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType, refCount: number): void;
  makeTensorInfo(shape: number[], dtype: tf.DataType, values?: tf.backend_util.BackendValues | string[]): tf.TensorInfo;
  readSync(id: object): tf.backend_util.BackendValues;
  incRef(id: object): void;
  disposeData(id: object, force?: boolean): boolean;
}

/** tfjs's cpu backend with pooled memory and the addon at hand. */
export interface NativeBackend extends CpuBackend {
  readonly addon: Addon;
  /** The elements in row-major order, in the array type that the dtype promises, to be read only. */
  view(x: tf.TensorInfo): Numbers;
  floats(x: tf.TensorInfo): Float32Array;
  ints(x: tf.TensorInfo): Int32Array;
  bools(x: tf.TensorInfo): Uint8Array;
  /** A new tensor whose elements are undefined until written through `view`. */
  output(shape: readonly number[], dtype: NumericType): tf.TensorInfo;
  /** A new tensor of zeros of which some rows are to be written. Its elements are never changed afterwards. */
  zerosBut(shape: readonly number[], filled: FilledRows): tf.TensorInfo;
  /** What is known of where it is zero. */
  filledRows(x: tf.TensorInfo): FilledRows | undefined;
  /** The same elements under another shape, without a copy. */
  share(x: tf.TensorInfo, shape: readonly number[], dtype?: tf.DataType): tf.TensorInfo;
  /** Neighbouring elements as a tensor of their own, without a copy unless they are few. */
  part(x: tf.TensorInfo, start: number, shape: readonly number[]): tf.TensorInfo;
  /** Frees a tensor that came from `output`, `share` or `part` and does not leave the kernel. */
  release(x: tf.TensorInfo): void;
  /**
   * Whether the elements may be changed in place: no other tensor has them, neither a clone nor a slice, and they are not
   * an array that the caller handed to tfjs. Tensors from `zerosBut` may not.
   */
  exclusive(x: tf.TensorInfo): boolean;
  poolStatistics(): PoolStatistics;
}

/** A slice of fewer bytes is copied, so that it does not keep a large tensor's memory. */
const leastShared = 4096;

/** Makes a backend, not yet known to tfjs. */
export function createNativeBackend(addon: Addon): NativeBackend {
  const Base = tf.findBackend('cpu').constructor as new () => CpuBackend;

  class Native extends Base implements NativeBackend {
    readonly addon = addon;
    readonly #pool = new BufferPool();

    constructor() {
      super();
      this.firstUse = false;
    }

    /** Kernels of tfjs hand over fresh arrays, and parts of other tensors' arrays, which must be counted. */
    override write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): object {
      const id = super.write(values, shape, dtype);
      this.#count(id, values);
      return id;
    }

    override move(
      id: object,
      values: tf.backend_util.BackendValues,
      shape: number[],
      dtype: tf.DataType,
      refCount: number,
    ): void {
      super.move(id, values, shape, dtype, refCount);
      this.#count(id, values);
    }

    /** Reads of pooled memory are copies: what was read stays what it was. */
    override readSync(id: object): tf.backend_util.BackendValues {
      const values = super.readSync(id);
      return this.data.get(id).slot === undefined ? values : (values as Numbers).slice();
    }

    override disposeData(id: object, force = false): boolean {
      const data = this.data.has(id) ? this.data.get(id) : undefined;
      const gone = super.disposeData(id, force);
      const slot = data?.slot;
      if (!gone || slot === undefined) return gone;
      // A slice that is left may change its elements once it is alone.
      const zeros = data!.filled !== undefined && slot.uses === 1;
      if (zeros) clearRows(data!.values as Float32Array, data!.filled!);
      this.#pool.release(slot, zeros);
      return gone;
    }

    override dispose(): void {
      super.dispose();
      this.#pool.clear();
    }

    view(x: tf.TensorInfo): Numbers {
      if (x.dtype === 'float32') return this.floats(x);
      return x.dtype === 'int32' ? this.ints(x) : this.bools(x);
    }

    // A tensor may hold an array of another type than its own: some of tfjs's kernels only change the label.
    floats(x: tf.TensorInfo): Float32Array {
      const { values } = this.data.get(x.dataId);
      return values instanceof Float32Array ? values : Float32Array.from(values as Int32Array);
    }

    ints(x: tf.TensorInfo): Int32Array {
      const { values } = this.data.get(x.dataId);
      return values instanceof Int32Array ? values : Int32Array.from(values as Uint8Array);
    }

    bools(x: tf.TensorInfo): Uint8Array {
      const { values } = this.data.get(x.dataId);
      return values instanceof Uint8Array ? values : Uint8Array.from(values as Int32Array);
    }

    output(shape: readonly number[], dtype: NumericType): tf.TensorInfo {
      return this.#make(shape, dtype, false);
    }

    zerosBut(shape: readonly number[], filled: FilledRows): tf.TensorInfo {
      const info = this.#make(shape, 'float32', true);
      this.data.get(info.dataId).filled = filled;
      return info;
    }

    filledRows(x: tf.TensorInfo): FilledRows | undefined {
      return this.data.get(x.dataId).filled;
    }

    #make(shape: readonly number[], dtype: NumericType, zeros: boolean): tf.TensorInfo {
      let size = 1;
      for (const length of shape) size *= length;
      const TypedArray = dtype === 'float32' ? Float32Array : dtype === 'int32' ? Int32Array : Uint8Array;
      const slot = this.#pool.take(size * TypedArray.BYTES_PER_ELEMENT, zeros);
      const values = slot === undefined ? new TypedArray(size) : new TypedArray(slot.buffer, 0, size);
      const dataId = super.write(values, shape as number[], dtype);
      if (slot !== undefined) this.data.get(dataId).slot = slot;
      return { dataId, shape: [...shape], dtype };
    }

    share(x: tf.TensorInfo, shape: readonly number[], dtype = x.dtype): tf.TensorInfo {
      this.incRef(x.dataId);
      return { dataId: x.dataId, shape: [...shape], dtype };
    }

    part(x: tf.TensorInfo, start: number, shape: readonly number[]): tf.TensorInfo {
      const values = this.view(x);
      const part = values.subarray(start, start + tf.util.sizeFromShape([...shape]));
      const copied = part.byteLength < leastShared && part.length < values.length;
      return this.makeTensorInfo([...shape], x.dtype, copied ? part.slice() : part);
    }

    release(x: tf.TensorInfo): void {
      this.disposeData(x.dataId);
    }

    exclusive(x: tf.TensorInfo): boolean {
      const { refCount, slot, values, filled } = this.data.get(x.dataId);
      return (
        refCount === 1 &&
        slot?.uses === 1 &&
        filled === undefined &&
        (values instanceof Float32Array || x.dtype !== 'float32')
      );
    }

    poolStatistics(): PoolStatistics {
      return this.#pool.statistics();
    }

    #count(id: object, values: tf.backend_util.BackendValues | undefined): void {
      if (!ArrayBuffer.isView(values)) return;
      const slot = this.#pool.share(values);
      if (slot !== undefined) this.data.get(id).slot = slot;
    }
  }

  return new Native();
}

function clearRows(values: Float32Array, { width, rows }: FilledRows): void {
  for (const row of rows) values.fill(0, row * width, (row + 1) * width);
}

/** True for tensors whose elements are plain numbers, not strings or complex pairs. */
export function isNumeric(x: tf.TensorInfo): x is tf.TensorInfo & { dtype: NumericType } {
  return x.dtype === 'float32' || x.dtype === 'int32' || x.dtype === 'bool';
}
