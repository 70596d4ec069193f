import * as tf from '@tensorflow/tfjs';
import type { Addon } from '../addon-types.js';
import { countFallback } from '../fallbacks.js';
import type { NativeBackend } from '../native-backend.js';

/** What a kernel gets; `inputs` is an array for kernels that take a list of tensors, such as Concat. */
export interface KernelCall {
  readonly inputs: Readonly<Record<string, tf.TensorInfo>>;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly backend: NativeBackend;
  readonly addon: Addon;
}

/** A native kernel; `undefined` where it does not cover the case, which tfjs's kernel then takes. */
export type Kernel = (call: KernelCall) => tf.TensorInfo | tf.TensorInfo[] | undefined;

/** What @rnnx/backends leaves on kernels of the cpu backend that it has replaced: the kernel as it came with tfjs. */
const stock = Symbol.for('rnnx.stockKernel');

/** Kernels of tfjs that touch no elements, however large the tensor. */
const constantTime: ReadonlySet<string> = new Set(['ExpandDims', 'Identity', 'Imag', 'Real', 'Reshape']);

/** Registers a kernel that tfjs does not have, which covers all that it is asked for. */
export function registerKernel(backendName: string, kernelName: string, kernel: Kernel): void {
  const kernelFunc: tf.KernelFunc = (args) => {
    const backend = args.backend as NativeBackend;
    const inputs = args.inputs as KernelCall['inputs'];
    return kernel({ inputs, attrs: args.attrs ?? {}, backend, addon: backend.addon })!;
  };
  tf.registerKernel({ kernelName, backendName, kernelFunc });
}

/** Registers all of tfjs's cpu kernels for this backend, the given ones in front of those that they replace. */
export function registerKernels(backendName: string, kernels: Readonly<Record<string, Kernel>>): void {
  for (const registered of tf.getKernelsForBackend('cpu')) {
    const { kernelName, kernelFunc } = (registered as { [stock]?: tf.KernelConfig })[stock] ?? registered;
    if (tf.getKernel(kernelName, backendName) !== undefined) continue;
    const native = kernels[kernelName];
    const slow: tf.KernelFunc = constantTime.has(kernelName)
      ? kernelFunc
      : (args) => {
          (args.backend as NativeBackend).wait();
          const outputs = kernelFunc(args);
          countFallback(kernelName, [args.inputs, outputs]);
          return outputs;
        };
    const fast: tf.KernelFunc = (args) => {
      const backend = args.backend as NativeBackend;
      const inputs = args.inputs as KernelCall['inputs'];
      const result = native!({ inputs, attrs: args.attrs ?? {}, backend, addon: backend.addon });
      return result ?? slow(args);
    };
    tf.registerKernel({ kernelName, backendName, kernelFunc: native === undefined ? slow : fast });
  }
}
