import { copyingKernels } from './copying.js';
import { elementwiseKernels } from './elementwise.js';
import { fillingKernels } from './filling.js';
import { indexingKernels } from './indexing.js';
import { matrixKernels } from './matmul.js';
import { reducingKernels } from './reducing.js';
import type { Kernel } from './registry.js';

/** Kernels that the addon computes, by tfjs's names. */
export const nativeKernels: Readonly<Record<string, Kernel>> = {
  ...copyingKernels,
  ...elementwiseKernels,
  ...fillingKernels,
  ...indexingKernels,
  ...matrixKernels,
  ...reducingKernels,
};
