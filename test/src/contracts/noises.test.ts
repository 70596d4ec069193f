import { bernoulli, beta, chiSquare, gamma, gaussian, gumbel, laplace, logistic } from '@rnnx/distributions';
import { noiseContract } from '../kit/index.js';

for (const plugin of [gaussian, logistic, laplace, gumbel])
  noiseContract(plugin, { valid: [{ options: {} }], invalid: [] });

noiseContract(bernoulli, {
  valid: [{ options: {} }, { options: { keep: 0.7 } }],
  invalid: [
    { options: { keep: 0 }, code: 'RNNX_CONFIG_INVALID' },
    { options: { keep: 1 }, code: 'RNNX_CONFIG_INVALID' },
  ],
});

noiseContract(gamma, {
  valid: [{ options: { shape: 3 } }, { options: { meanOne: true } }, { options: {} }],
  variations: { meanOne: [true] },
  invalid: [
    { options: { shape: 0 }, code: 'RNNX_CONFIG_INVALID' },
    { options: { shape: 3, meanOne: true }, code: 'RNNX_OPTION_CONFLICT' },
  ],
});

noiseContract(beta, {
  valid: [{ options: { alpha: 1.5, beta: 4 } }, { options: { meanOne: true } }, { options: {} }],
  variations: { alpha: [3], beta: [3], meanOne: [true] },
  invalid: [
    { options: { beta: -1 }, code: 'RNNX_CONFIG_INVALID' },
    { options: { alpha: 3, meanOne: true }, code: 'RNNX_OPTION_CONFLICT' },
  ],
});

noiseContract(chiSquare, {
  valid: [{ options: {} }, { options: { degrees: 4 } }],
  invalid: [{ options: { degrees: 1.5 }, code: 'RNNX_CONFIG_INVALID' }],
});
