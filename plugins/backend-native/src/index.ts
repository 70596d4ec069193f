import type { AnyPlugin } from '@rnnx/core';

export const plugins: readonly AnyPlugin[] = [];
export default plugins;
