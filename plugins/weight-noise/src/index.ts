import type { AnyPlugin } from '@rnnx/core';
import { weightNoise } from './weight-noise.js';

export { type WeightNoiseOptions, weightNoise } from './weight-noise.js';

export const plugins: readonly AnyPlugin[] = [weightNoise];
export default plugins;
