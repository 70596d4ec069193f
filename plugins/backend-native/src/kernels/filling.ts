import * as tf from '@tensorflow/tfjs';
import { isNumeric, type NativeBackend, type NumericType } from '../native-backend.js';
import type { Kernel } from './registry.js';

function filled(
  backend: NativeBackend,
  shape: readonly number[],
  dtype: tf.DataType,
  value: unknown,
): tf.TensorInfo | undefined {
  if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') return undefined;
  const out = backend.output(shape, dtype);
  backend.fill(out, Number(value));
  return out;
}

const fill: Kernel = ({ attrs, backend }) => {
  const { shape, value } = attrs as { shape: number[]; value: number | string };
  const dtype = (attrs.dtype as NumericType | undefined) || tf.util.inferDtype(value);
  return typeof value === 'string' ? undefined : filled(backend, shape, dtype, value);
};

/** Like a tensor in shape and type. */
const like =
  (value: number): Kernel =>
  ({ inputs, backend }) => {
    const x = inputs.x!;
    return isNumeric(x) ? filled(backend, x.shape, x.dtype, value) : undefined;
  };

export const fillingKernels: Readonly<Record<string, Kernel>> = { Fill: fill, OnesLike: like(1), ZerosLike: like(0) };
