import type { AnyPlugin } from '@rnnx/core';
import { fastDropout } from './fast-dropout.js';

export { type FastDropoutOptions, fastDropout } from './fast-dropout.js';
export { type Activation, closedForm, gaussHermite, quadrature } from './moments.js';

export const plugins: readonly AnyPlugin[] = [fastDropout];
export default plugins;
