import type { AnyPlugin } from '@rnnx/core';
import { recurrentDropout } from './recurrent-dropout.js';

export { type RecurrentDropoutOptions, recurrentDropout } from './recurrent-dropout.js';

export const plugins: readonly AnyPlugin[] = [recurrentDropout];
export default plugins;
