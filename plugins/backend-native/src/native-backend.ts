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
  /** Whether kernels write the values, which then may not be there yet. */
  made?: boolean;
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

/**
 * tfjs's cpu backend with pooled memory and the addon at hand. The addon's kernels run while JavaScript goes on: `view`,
 * `floats`, `ints` and `bools` give arrays for kernels; JavaScript looks into those of `look`, and into others after `wait`.
 */
export interface NativeBackend extends CpuBackend {
  readonly addon: Addon;
  /** The elements in row-major order, in the array type that the dtype promises, to be read only. */
  view(x: tf.TensorInfo): Numbers;
  floats(x: tf.TensorInfo): Float32Array;
  ints(x: tf.TensorInfo): Int32Array;
  bools(x: tf.TensorInfo): Uint8Array;
  /** As `view`, for JavaScript: once the kernels that write them have run. */
  look(x: tf.TensorInfo): Numbers;
  /** Returns when all kernels have run. */
  wait(): void;
  /** Gives all elements of a tensor from `output` one value. */
  fill(x: tf.TensorInfo, value: number): void;
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
   * Whether the elements may be changed in place: they lie in the pool's memory, and no other tensor has them, neither a
   * clone nor a slice. Tensors from `zerosBut` may not.
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
    readonly #pool = new BufferPool(addon);
    /** While kernels of tfjs hand over arrays, which nobody changes afterwards. */
    #ours = false;

    constructor() {
      super();
      this.firstUse = false;
    }

    /** The caller may change its array while kernels read the tensor: it is copied. */
    override write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): object {
      if (!this.#ours && ArrayBuffer.isView(values)) return this.#copy(values as Numbers, shape, dtype);
      const id = super.write(values, shape, dtype);
      this.#count(id, values);
      return id;
    }

    /** Kernels of tfjs hand over fresh arrays, and parts of other tensors' arrays, which must be counted. */
    override makeTensorInfo(
      shape: number[],
      dtype: tf.DataType,
      values?: tf.backend_util.BackendValues | string[],
    ): tf.TensorInfo {
      const before = this.#ours;
      this.#ours = true;
      try {
        return super.makeTensorInfo(shape, dtype, values);
      } finally {
        this.#ours = before;
      }
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

    /** Reads are copies: what was read stays what it was, and kernels do not see it change. */
    override readSync(id: object): tf.backend_util.BackendValues {
      if (this.data.get(id).made) this.wait();
      const values = super.readSync(id);
      return ArrayBuffer.isView(values) ? (values as Numbers).slice() : values;
    }

    override async time(f: () => void): Promise<tf.BackendTimingInfo> {
      this.wait();
      return super.time(() => {
        f();
        this.wait();
      });
    }

    override disposeData(id: object, force = false): boolean {
      const data = this.data.has(id) ? this.data.get(id) : undefined;
      const gone = super.disposeData(id, force);
      const slot = data?.slot;
      if (!gone || slot === undefined) return gone;
      // A slice that is left may change its elements once it is alone.
      const zeros = data!.filled !== undefined && slot.uses === 1;
      if (zeros) {
        const { width, rows } = data!.filled!;
        const values = data!.values as Float32Array;
        addon.clearRows(values.length, values, width, rows.length, rows);
      }
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
      return values instanceof Float32Array ? values : Float32Array.from(this.#settled(x) as Int32Array);
    }

    ints(x: tf.TensorInfo): Int32Array {
      const { values } = this.data.get(x.dataId);
      return values instanceof Int32Array ? values : Int32Array.from(this.#settled(x) as Uint8Array);
    }

    bools(x: tf.TensorInfo): Uint8Array {
      const { values } = this.data.get(x.dataId);
      return values instanceof Uint8Array ? values : Uint8Array.from(this.#settled(x) as Int32Array);
    }

    look(x: tf.TensorInfo): Numbers {
      this.#settled(x);
      return this.view(x);
    }

    wait(): void {
      addon.waitForKernels();
    }

    fill(x: tf.TensorInfo, value: number): void {
      const values = this.view(x);
      if (values instanceof Float32Array) addon.fillFloat(values.length, value, values);
      else if (values instanceof Int32Array) addon.fillInt(values.length, value | 0, values);
      else addon.fillBool(values.length, value & 0xff, values);
    }

    /** The values as they lie, written. */
    #settled(x: tf.TensorInfo): tf.backend_util.BackendValues {
      const data = this.data.get(x.dataId);
      if (data.made) this.wait();
      return data.values;
    }

    #copy(values: Numbers, shape: number[], dtype: tf.DataType): object {
      const slot = this.#pool.take(values.byteLength);
      // Kernels may still be at work in memory that waits.
      if (slot !== undefined) this.wait();
      const copy =
        slot === undefined
          ? values.slice()
          : new (values.constructor as typeof Float32Array)(slot.buffer, 0, values.length);
      if (slot !== undefined) (copy as Float32Array).set(values);
      const id = super.write(copy, shape, dtype);
      if (slot !== undefined) this.data.get(id).slot = slot;
      return id;
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
      const data = this.data.get(dataId);
      data.made = true;
      if (slot !== undefined) data.slot = slot;
      return { dataId, shape: [...shape], dtype };
    }

    share(x: tf.TensorInfo, shape: readonly number[], dtype = x.dtype): tf.TensorInfo {
      this.incRef(x.dataId);
      return { dataId: x.dataId, shape: [...shape], dtype };
    }

    part(x: tf.TensorInfo, start: number, shape: readonly number[]): tf.TensorInfo {
      const values = this.view(x);
      const part = values.subarray(start, start + tf.util.sizeFromShape([...shape]));
      if (part.byteLength >= leastShared || part.length === values.length) {
        const info = this.makeTensorInfo([...shape], x.dtype, part);
        this.data.get(info.dataId).made = this.data.get(x.dataId).made ?? false;
        return info;
      }
      if (!(part instanceof Float32Array) || part.length === 0) {
        this.#settled(x);
        return this.makeTensorInfo([...shape], x.dtype, part.slice());
      }
      const info = this.output(shape, 'float32');
      addon.repeat(part.length, part, part.length, this.floats(info));
      return info;
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

/** True for tensors whose elements are plain numbers, not strings or complex pairs. */
export function isNumeric(x: tf.TensorInfo): x is tf.TensorInfo & { dtype: NumericType } {
  return x.dtype === 'float32' || x.dtype === 'int32' || x.dtype === 'bool';
}
