import * as tf from '@tensorflow/tfjs';
import { largeProducts } from './matmul.js';
import { rowsByLabel } from './segments.js';
import { addInParts } from './sums.js';

/** Kernels of tfjs 4.22 that fail on some inputs or are slow on ours, and what is made of each. */
const replacements: Readonly<Record<string, (theirs: tf.KernelFunc) => tf.KernelFunc>> = {
  AddN: addInParts,
  BatchMatMul: largeProducts,
  UnsortedSegmentSum: rowsByLabel,
};

let replaced = false;

/** Replaces them, once tfjs has registered its own. */
export function replaceKernels(backendName: string): void {
  if (replaced) return;
  replaced = true;
  for (const [name, replace] of Object.entries(replacements)) {
    const theirs = tf.getKernel(name, backendName);
    tf.unregisterKernel(name, backendName);
    tf.registerKernel({ ...theirs, kernelFunc: replace(theirs.kernelFunc) });
  }
}
