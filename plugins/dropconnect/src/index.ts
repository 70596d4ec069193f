import type { AnyPlugin } from '@rnnx/core';
import { dropconnect } from './dropconnect.js';

export { type DropConnectOptions, dropconnect } from './dropconnect.js';

export const plugins: readonly AnyPlugin[] = [dropconnect];
export default plugins;
