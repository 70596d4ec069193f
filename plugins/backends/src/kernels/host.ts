import * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

export type Numbers = Float32Array | Int32Array | Uint8Array;
export type NumericType = 'float32' | 'int32' | 'bool';

/** How a kernel written in plain JavaScript reaches the tensors of one backend. */
export interface Host {
  /** The elements in row-major order, to be read only; valid until the next `output`, which may move the memory. */
  view(x: tf.TensorInfo): Numbers;
  /** A new tensor whose elements are undefined until written. */
  output(shape: readonly number[], dtype: NumericType): tf.TensorInfo;
  /** The elements of a tensor from `output`, to be written; valid until the next `output`. */
  fill(out: tf.TensorInfo): Numbers;
  /** The same elements under another shape, without a copy. */
  share(x: tf.TensorInfo, shape: readonly number[]): tf.TensorInfo;
  /** Frees a tensor that came from `output` or `share` and does not leave the kernel. */
  release(x: tf.TensorInfo): void;
}

/** What tfjs's cpu backend offers its kernels; its class is not exported by the main package. */
export interface CpuBackend {
  /** True until it has printed an advertisement for tfjs-node. */
  firstUse: boolean;
  readonly data: {
    get(id: object): { values: tf.backend_util.BackendValues };
  };
  makeTensorInfo(shape: number[], dtype: tf.DataType, values: tf.backend_util.BackendValues): tf.TensorInfo;
  readSync(id: object): tf.backend_util.BackendValues;
  incRef(id: object): void;
  disposeData(id: object, force?: boolean): boolean;
}

export class CpuHost implements Host {
  constructor(private readonly backend: CpuBackend) {}

  view(x: tf.TensorInfo): Numbers {
    return ofType(this.backend.data.get(x.dataId).values, x.dtype);
  }

  output(shape: readonly number[], dtype: NumericType): tf.TensorInfo {
    const values = tf.util.getTypedArrayFromDType(dtype, tf.util.sizeFromShape([...shape]));
    return this.backend.makeTensorInfo([...shape], dtype, values);
  }

  fill(out: tf.TensorInfo): Numbers {
    return this.backend.data.get(out.dataId).values as Numbers;
  }

  share(x: tf.TensorInfo, shape: readonly number[]): tf.TensorInfo {
    this.backend.incRef(x.dataId);
    return { dataId: x.dataId, shape: [...shape], dtype: x.dtype };
  }

  release(x: tf.TensorInfo): void {
    this.backend.disposeData(x.dataId);
  }
}

export class WasmHost implements Host {
  constructor(private readonly backend: BackendWasm) {}

  view(x: tf.TensorInfo): Numbers {
    return this.backend.typedArrayFromHeap(x) as Numbers;
  }

  output(shape: readonly number[], dtype: NumericType): tf.TensorInfo {
    return this.backend.makeOutput([...shape], dtype);
  }

  fill(out: tf.TensorInfo): Numbers {
    return this.backend.typedArrayFromHeap(out) as Numbers;
  }

  share(x: tf.TensorInfo, shape: readonly number[]): tf.TensorInfo {
    this.backend.incRef(x.dataId);
    return { dataId: x.dataId, shape: [...shape], dtype: x.dtype };
  }

  release(x: tf.TensorInfo): void {
    this.backend.disposeData(x.dataId);
  }
}

/** True for tensors whose elements are plain numbers, not strings or complex pairs. */
export function isNumeric(x: tf.TensorInfo): x is tf.TensorInfo & { dtype: NumericType } {
  return x.dtype === 'float32' || x.dtype === 'int32' || x.dtype === 'bool';
}

export function isFloat(x: tf.TensorInfo): boolean {
  return x.dtype === 'float32';
}

/**
 * The values in the array type that the dtype promises. tfjs's cpu backend casts by relabelling, so a float32 tensor
 * may hold an Int32Array or Uint8Array.
 */
export function ofType(values: tf.backend_util.BackendValues, dtype: tf.DataType): Numbers {
  if (dtype === 'float32') return values instanceof Float32Array ? values : Float32Array.from(values as Int32Array);
  if (dtype === 'int32') return values instanceof Int32Array ? values : Int32Array.from(values as Uint8Array);
  return values instanceof Uint8Array ? values : Uint8Array.from(values as Int32Array);
}
