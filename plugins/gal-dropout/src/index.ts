import type { AnyPlugin } from '@rnnx/core';
import { galDropout } from './gal-dropout.js';

export { type GalDropoutOptions, galDropout } from './gal-dropout.js';

export const plugins: readonly AnyPlugin[] = [galDropout];
export default plugins;
