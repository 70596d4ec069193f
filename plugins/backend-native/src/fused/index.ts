import type { FusedKernels, RandomFills } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { Addon } from '../addon-types.js';
import { linearName } from '../kernels/linear.js';
import { mostElements } from '../kernels/shapes.js';
import type { NativeBackend } from '../native-backend.js';
import { createLinearCrossEntropy } from './cross-entropy.js';
import { createGatedProduct } from './gated-product.js';
import { createLinearSigmoid } from './linear-sigmoid.js';
import { Memory } from './memory.js';
import { createMomentSequence } from './moments.js';
import { createNormalizedSequence } from './normalized.js';
import { createOptimizerKernels } from './optimizer.js';
import { createSequence } from './sequence.js';
import { createSteppedProduct } from './stepped-product.js';
import { toTensor } from './tape.js';

/** What the native backend runs as one kernel. Each has its composed counterpart in core. */
export function createFusedKernels(backend: NativeBackend, addon: Addon): FusedKernels {
  const store = new Memory(backend);
  const queued: RandomFills = {
    uniforms: (key0, key1, out) => addon.philoxUniforms(key0 >>> 0, key1 >>> 0, out.length, out),
    normals: (key0, key1, out) => addon.philoxNormals(key0 >>> 0, key1 >>> 0, out.length, out),
    bernoulli: (key0, key1, keep, out) => addon.philoxBernoulli(key0 >>> 0, key1 >>> 0, out.length, keep, 1, out),
  };
  // The caller looks into the array.
  const now =
    <A extends unknown[]>(fill: (...given: A) => void) =>
    (...given: A) => {
      fill(...given);
      addon.waitForKernels();
    };
  const fills: RandomFills = {
    uniforms: now(queued.uniforms),
    normals: now(queued.normals),
    bernoulli: now(queued.bernoulli),
  };
  // Fresh memory for the noise of all steps' weights costs as much as the noise: its pages are cleared first.
  const drawn = (shape: readonly number[], fill: (out: Float32Array) => void) => {
    const result = store.result(shape);
    fill(result.array);
    return toTensor(result);
  };
  return {
    linear: (x, weight, bias) => {
      const all = [x, weight, bias];
      if (all.some(({ dtype }) => dtype !== 'float32')) return undefined;
      const sizes = [x.size, weight.size, (x.size / weight.shape[0]) * weight.shape[1] || 0];
      if (sizes.some((size) => size > mostElements)) return undefined;
      return tf.engine().runKernel(linearName, { x, weight, bias }) as tf.Tensor3D;
    },
    sequence: createSequence(addon, store),
    steppedProduct: createSteppedProduct(addon, store),
    gatedProduct: createGatedProduct(addon, store),
    momentSequence: createMomentSequence(addon, store),
    normalizedSequence: createNormalizedSequence(addon, store),
    linearSigmoid: createLinearSigmoid(addon, store),
    ...createLinearCrossEntropy(addon, store),
    optimizer: createOptimizerKernels(addon, store),
    fills,
    draws: {
      uniform: (key0, key1, shape) => drawn(shape, (out) => queued.uniforms(key0, key1, out)),
      normal: (key0, key1, shape) => drawn(shape, (out) => queued.normals(key0, key1, out)),
      bernoulli: (key0, key1, keep, shape) => drawn(shape, (out) => queued.bernoulli(key0, key1, keep, out)),
      scaledBernoulli: (key0, key1, keep, kept, shape) =>
        drawn(shape, (out) => addon.philoxBernoulli(key0 >>> 0, key1 >>> 0, out.length, keep, kept, out)),
    },
  };
}
