import * as tf from '@tensorflow/tfjs';
import { storageBuffersPerKernel } from './device.js';

let mended = false;

/** Replaces kernels of tfjs 4.22 that fail on some inputs. Call it once tfjs has registered its own. */
export function mendKernels(backendName: string): void {
  if (mended) return;
  mended = true;
  const addN = tf.getKernel('AddN', backendName);
  tf.unregisterKernel('AddN', backendName);
  tf.registerKernel({ ...addN, kernelFunc: inParts(addN.kernelFunc) });
}

/** tfjs binds all terms of a sum at once, and a kernel may bind only so many. */
function inParts(addAll: tf.KernelFunc): tf.KernelFunc {
  const most = storageBuffersPerKernel - 1; // and the result
  return ({ inputs, backend, attrs }) => {
    const terms = inputs as unknown as readonly tf.TensorInfo[];
    const add = (some: readonly tf.TensorInfo[]) =>
      addAll({ inputs: some as never, backend, ...(attrs && { attrs }) }) as tf.TensorInfo;
    let sum = add(terms.slice(0, most));
    for (let start = most; start < terms.length; start += most - 1) {
      const longer = add([sum, ...terms.slice(start, start + most - 1)]);
      (backend as tf.KernelBackend & { disposeData(id: object): boolean }).disposeData(sum.dataId);
      sum = longer;
    }
    return sum;
  };
}
