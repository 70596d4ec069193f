import type { AnyPlugin } from '@rnnx/core';
import { zarembaDropout } from './zaremba-dropout.js';

export { type ZarembaDropoutOptions, zarembaDropout } from './zaremba-dropout.js';

export const plugins: readonly AnyPlugin[] = [zarembaDropout];
export default plugins;
