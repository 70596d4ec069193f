import type { AnyPlugin } from '@rnnx/core';
import { tikhonov } from './tikhonov.js';

export { type TikhonovOptions, tikhonov } from './tikhonov.js';

export const plugins: readonly AnyPlugin[] = [tikhonov];
export default plugins;
