import type { AnyPlugin } from '@rnnx/core';
import { native } from './native.js';

export { type FoundAddon, findAddon, platformPackage, search as searchAddon } from './addon.js';
export type * from './addon-training-types.js';
export * from './addon-types.js';
export { type Fallback, fallbacks, resetFallbacks } from './fallbacks.js';
export { nativeKernels } from './kernels/index.js';
export { type NativeOptions, native, nativeBackend } from './native.js';
export { createNativeBackend, type NativeBackend } from './native-backend.js';
export { BufferPool, type PoolStatistics } from './pool.js';
export { trialFallbacks } from './trial.js';

export const plugins: readonly AnyPlugin[] = [native];
export default plugins;
