import type { AnyPlugin } from '@rnnx/core';
import { gru } from './gru.js';
import { lstm } from './lstm.js';
import { rnn } from './rnn.js';

export { gru, lstm, rnn };

export const plugins: readonly AnyPlugin[] = [lstm, gru, rnn];
export default plugins;
