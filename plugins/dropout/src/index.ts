import type { AnyPlugin } from '@rnnx/core';
import { dropout } from './dropout.js';

export { type DropoutOptions, dropout } from './dropout.js';

export const plugins: readonly AnyPlugin[] = [dropout];
export default plugins;
