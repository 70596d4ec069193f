import type { AnyPlugin } from '@rnnx/core';
import { activationPenalty } from './activation-penalty.js';

export { type ActivationPenaltyOptions, activationPenalty } from './activation-penalty.js';

export const plugins: readonly AnyPlugin[] = [activationPenalty];
export default plugins;
