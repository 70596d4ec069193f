import type { AnyPlugin } from '@rnnx/core';
import { webgpu } from './webgpu.js';

export { gpuMayExist } from './adapter.js';
export { type WebGpuOptions, webGpuBackend, webgpu } from './webgpu.js';

export const plugins: readonly AnyPlugin[] = [webgpu];
export default plugins;
