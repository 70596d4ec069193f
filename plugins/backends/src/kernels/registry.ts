import * as tf from '@tensorflow/tfjs';
import type { Host } from './host.js';

/** What a kernel gets; `inputs` is an array for kernels that take a list of tensors, such as Concat. */
export interface KernelCall {
  readonly inputs: Readonly<Record<string, tf.TensorInfo>>;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly host: Host;
  /** Runs another kernel of the same backend as it came with tfjs. */
  run(kernelName: string, inputs: Record<string, tf.TensorInfo>, attrs?: Record<string, unknown>): tf.TensorInfo;
}

/** A faster kernel; `undefined` where it does not cover the case, which the stock kernel then takes. */
export type Kernel = (call: KernelCall) => tf.TensorInfo | tf.TensorInfo[] | undefined;

const stock = Symbol.for('rnnx.stockKernel');
type Marked = tf.KernelConfig & { readonly [stock]?: tf.KernelConfig };

/** The kernel as it came with tfjs, also where ours has taken its place. */
export function stockKernel(kernelName: string, backendName: string): tf.KernelConfig | undefined {
  const current = tf.getKernel(kernelName, backendName) as Marked | undefined;
  return current?.[stock] ?? current;
}

/** Every kernel of a backend as it came with tfjs. */
export function stockKernels(backendName: string): tf.KernelConfig[] {
  return tf.getKernelsForBackend(backendName).map((kernel) => (kernel as Marked)[stock] ?? kernel);
}

/**
 * Puts faster kernels in the place of a backend's own, which stay as fallback and for `stockKernel`. A second call
 * changes nothing.
 */
export function replaceKernels(
  backendName: string,
  kernels: Readonly<Record<string, Kernel>>,
  hostOf: (backend: object) => Host,
): void {
  for (const [kernelName, kernel] of Object.entries(kernels)) {
    const current = tf.getKernel(kernelName, backendName) as Marked | undefined;
    if (current === undefined) throw new Error(`tfjs has no kernel ${kernelName} for ${backendName} to replace`);
    if (current[stock] !== undefined) continue;
    const kernelFunc: tf.KernelFunc = (args) => {
      const run: KernelCall['run'] = (name, inputs, attrs = {}) => {
        const other = stockKernel(name, backendName);
        if (other === undefined) throw new Error(`tfjs has no kernel ${name} for ${backendName}`);
        return other.kernelFunc({ inputs, attrs: attrs as tf.NamedAttrMap, backend: args.backend }) as tf.TensorInfo;
      };
      const inputs = args.inputs as Record<string, tf.TensorInfo>;
      const result = kernel({ inputs, attrs: args.attrs ?? {}, host: hostOf(args.backend), run });
      return result ?? current.kernelFunc(args);
    };
    tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({ ...current, kernelFunc, [stock]: current } as Marked);
  }
}
