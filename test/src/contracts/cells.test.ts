import { gru, lstm, rnn } from '@rnnx/cells';
import { fastDropout } from '@rnnx/fast-dropout';
import { cellContract } from '../kit/index.js';
import { everyBackend } from './techniques.js';

const starts = {
  inputInit: [{ name: 'orthogonal', gain: 1 }],
  recurrentInit: [{ name: 'orthogonal', gain: 0.9 }],
  biasInit: [{ name: 'constant', value: 0.5 }],
};
const unfitStart = { options: { inputInit: { name: 'unifrom', scale: 1 } }, code: 'RNNX_CONFIG_INVALID' } as const;

cellContract(lstm, {
  backends: everyBackend,
  valid: [{ options: {}, carries: ['c'] }],
  variations: { ...starts, forgetBias: [1], candidateInit: [{ name: 'identity', scale: 1 }] },
  invalid: [unfitStart, { options: { forgetBias: 'one' }, code: 'RNNX_CONFIG_INVALID' }],
});

cellContract(gru, {
  backends: everyBackend,
  valid: [
    { options: {}, carries: ['h'] },
    { options: { reset: 'before' }, carries: ['h'] },
  ],
  variations: starts,
  invalid: [unfitStart, { options: { reset: 'never' }, code: 'RNNX_CONFIG_INVALID' }],
});

cellContract(rnn, {
  backends: everyBackend,
  valid: [
    { options: {}, carries: [] },
    { options: { activation: 'sigmoid' }, carries: [] },
  ],
  variations: starts,
  invalid: [unfitStart, { options: { activation: 'softmax' }, code: 'RNNX_CONFIG_INVALID' }],
});

cellContract(fastDropout, {
  backends: everyBackend,
  valid: [
    { options: { input: 0.2, recurrent: 0.3, output: 0.1 }, carries: ['h', 'variance'], task: 'bernoulli' },
    { options: { recurrent: 0, moments: 'quadrature', nodes: 6 }, carries: ['variance'], task: 'gaussian' },
    { options: { recurrent: 0.3, activation: 'relu' }, carries: ['h', 'variance'], task: 'bernoulli' },
  ],
  variations: {
    ...starts,
    activation: ['sigmoid'],
    input: [0.4],
    recurrent: [0.1],
    output: [0.4],
    moments: ['closed-form'],
    nodes: [9],
  },
  invalid: [
    unfitStart,
    { options: { input: 1 }, code: 'RNNX_CONFIG_INVALID' },
    { options: { nodes: 1 }, code: 'RNNX_CONFIG_INVALID' },
  ],
});
