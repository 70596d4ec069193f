import { gru, lstm, rnn } from '@rnnx/cells';
import { cellContract } from '../kit/index.js';

const starts = {
  inputInit: [{ name: 'orthogonal', gain: 1 }],
  recurrentInit: [{ name: 'orthogonal', gain: 0.9 }],
  biasInit: [{ name: 'constant', value: 0.5 }],
};
const unfitStart = { options: { inputInit: { name: 'unifrom', scale: 1 } }, code: 'RNNX_CONFIG_INVALID' } as const;

cellContract(lstm, {
  valid: [{ options: {}, carries: ['c'] }],
  variations: { ...starts, forgetBias: [1] },
  invalid: [unfitStart, { options: { forgetBias: 'one' }, code: 'RNNX_CONFIG_INVALID' }],
});

cellContract(gru, {
  valid: [
    { options: {}, carries: ['h'] },
    { options: { reset: 'before' }, carries: ['h'] },
  ],
  variations: starts,
  invalid: [unfitStart, { options: { reset: 'never' }, code: 'RNNX_CONFIG_INVALID' }],
});

cellContract(rnn, {
  valid: [
    { options: {}, carries: [] },
    { options: { activation: 'sigmoid' }, carries: [] },
  ],
  variations: starts,
  invalid: [unfitStart, { options: { activation: 'softmax' }, code: 'RNNX_CONFIG_INVALID' }],
});
