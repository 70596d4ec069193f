import type { AnyPlugin } from '@rnnx/core';
import { batchNormLstm } from './batch-norm-lstm.js';

export { type BatchNormOptions, batchNormLstm } from './batch-norm-lstm.js';

export const plugins: readonly AnyPlugin[] = [batchNormLstm];
export default plugins;
