import type { AnyPlugin } from '@rnnx/core';
import { layerNorm } from './layer-norm.js';

export { type LayerNormOptions, layerNorm } from './layer-norm.js';

export const plugins: readonly AnyPlugin[] = [layerNorm];
export default plugins;
