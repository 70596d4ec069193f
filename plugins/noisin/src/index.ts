import type { AnyPlugin } from '@rnnx/core';
import { noisin } from './noisin.js';

export { type NoisinOptions, noisin } from './noisin.js';
export { type SpreadReading, standardDeviation } from './spread.js';

export const plugins: readonly AnyPlugin[] = [noisin];
export default plugins;
