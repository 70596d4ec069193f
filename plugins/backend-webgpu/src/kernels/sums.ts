import type * as tf from '@tensorflow/tfjs';
import { storageBuffersPerKernel } from '../device.js';

/** Takes the place of tfjs's AddN, which binds all terms at once, where a kernel may bind only so many. */
export function addInParts(addAll: tf.KernelFunc): tf.KernelFunc {
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
