import type { AnyPlugin } from '@rnnx/core';
import { cpu } from './cpu.js';
import { tensorflow } from './tensorflow.js';
import { wasm } from './wasm.js';

export { stockKernels } from './kernels/registry.js';
export { Tensorflow, type TensorflowOptions } from './tensorflow.js';
export { cpu, tensorflow, wasm };

export const plugins: readonly AnyPlugin[] = [cpu, wasm, tensorflow];
export default plugins;

/**
 * Fastest first, for the backend `auto`, which takes the first that works. TensorFlow is only there where the user installed
 * it for that purpose, so it goes first.
 */
export const autoOrder: readonly string[] = ['tensorflow', 'wasm', 'cpu'];
