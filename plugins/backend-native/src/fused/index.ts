import type { FusedKernels } from '@rnnx/core';
import type { Addon } from '../addon-types.js';
import type { NativeBackend } from '../native-backend.js';
import { createLinearCrossEntropy } from './cross-entropy.js';
import { createLinearSigmoid } from './linear-sigmoid.js';
import { Memory } from './memory.js';
import { createMomentSequence } from './moments.js';
import { createNormalizedSequence } from './normalized.js';
import { createOptimizerKernels } from './optimizer.js';
import { createSequence } from './sequence.js';
import { createSteppedProduct } from './stepped-product.js';

/** What the native backend runs as one kernel. Each has its composed counterpart in core. */
export function createFusedKernels(backend: NativeBackend, addon: Addon): FusedKernels {
  const store = new Memory(backend);
  return {
    sequence: createSequence(addon, store),
    steppedProduct: createSteppedProduct(addon, store),
    momentSequence: createMomentSequence(addon, store),
    normalizedSequence: createNormalizedSequence(addon, store),
    linearSigmoid: createLinearSigmoid(addon, store),
    linearCrossEntropy: createLinearCrossEntropy(addon, store),
    optimizer: createOptimizerKernels(addon, store),
    fills: {
      uniforms: (key0, key1, out) => addon.philoxUniforms(key0 >>> 0, key1 >>> 0, out.length, out),
      normals: (key0, key1, out) => addon.philoxNormals(key0 >>> 0, key1 >>> 0, out.length, out),
      bernoulli: (key0, key1, keep, out) => addon.philoxBernoulli(key0 >>> 0, key1 >>> 0, out.length, keep, out),
    },
  };
}
