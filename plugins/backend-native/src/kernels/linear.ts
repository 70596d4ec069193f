import * as tf from '@tensorflow/tfjs';
import { reductions } from '../addon-types.js';
import type { NativeBackend } from '../native-backend.js';
import type { Kernel } from './registry.js';
import { sizeOf } from './shapes.js';

/** y = x W + b for x [.., I], W [I, N] and b [N], as one kernel of tfjs's. */
export const linearName = 'RnnxLinear';

/** All float32, of sizes that the addon takes: see `FusedKernels.linear`. */
export const linear: Kernel = ({ inputs, backend, addon }) => {
  const [x, weight, bias] = [inputs.x!, inputs.weight!, inputs.bias!];
  const [size, columns] = weight.shape as [number, number];
  const y = backend.output([...x.shape.slice(0, -1), columns], 'float32');
  const operands = [backend.floats(x), backend.floats(weight), backend.floats(bias)] as const;
  addon.linear(sizeOf(x.shape.slice(0, -1)), columns, size, ...operands, backend.floats(y));
  return y;
};

/** Each gradient is worked out only where it is asked for: what the first layer reads is often no parameter. */
export const linearGradient: tf.GradConfig = {
  kernelName: linearName,
  inputsToSave: ['x', 'weight'],
  gradFunc: (dy, saved) => {
    const [x, weight] = saved as [tf.Tensor, tf.Tensor2D];
    const [d] = [dy].flat() as [tf.Tensor];
    const [size, columns] = weight.shape;
    const rows = sizeOf(x.shape.slice(0, -1));
    // While gradients are recorded they must be operations themselves.
    if (tf.engine().isTapeOn()) {
      const flat: tf.Tensor2D = tf.reshape(d, [rows, columns]);
      return {
        x: () => tf.reshape(tf.matMul(flat, weight, false, true), x.shape),
        weight: () => tf.matMul(tf.reshape(x, [rows, size]) as tf.Tensor2D, flat, true),
        bias: () => tf.sum(flat, 0),
      };
    }
    const backend = tf.backend() as NativeBackend;
    const { addon } = backend;
    const made = (shape: readonly number[], fill: (out: Float32Array) => void): tf.Tensor => {
      const info = backend.output(shape, 'float32');
      fill(backend.floats(info));
      return tf.engine().makeTensorFromTensorInfo(info);
    };
    const values = (tensor: tf.Tensor) => backend.floats(tensor);
    return {
      x: () =>
        made(x.shape, (out) => addon.gemm(false, true, rows, size, columns, values(d), values(weight), out, false)),
      weight: () =>
        made(weight.shape, (out) => addon.gemm(true, false, size, columns, rows, values(x), values(d), out, false)),
      bias: () => made([columns], (out) => addon.reduce(reductions.indexOf('sum'), 1, rows, columns, values(d), out)),
    };
  },
};
