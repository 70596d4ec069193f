import type { AnyPlugin } from '@rnnx/core';
import { zoneout } from './zoneout.js';

export { type ZoneoutOptions, zoneout } from './zoneout.js';

export const plugins: readonly AnyPlugin[] = [zoneout];
export default plugins;
