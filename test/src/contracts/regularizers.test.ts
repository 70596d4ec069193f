import cells from '@rnnx/cells';
import distributions from '@rnnx/distributions';
import { dropout } from '@rnnx/dropout';
import { noisin } from '@rnnx/noisin';
import { regularizerContract } from '../kit/index.js';

const everywhere = {
  with: [...cells, ...distributions],
  cells: ['lstm', 'gru'],
};

regularizerContract(dropout, {
  ...everywhere,
  valid: [
    {
      options: { input: 0.4, recurrent: 0.3, output: 0.5 },
      sites: ['input', 'output'],
      lifetime: 'step',
      sharing: 'example',
      unbiased: true,
    },
    {
      options: { recurrent: 0.3, placement: 'recurrent' },
      sites: ['recurrent'],
      lifetime: 'step',
      sharing: 'example',
      unbiased: true,
    },
  ],
  variations: { input: [0.6], recurrent: [0.6], output: [0.1], placement: ['vertical', 'recurrent'] },
  invalid: [
    { options: { input: 1 }, code: 'RNNX_CONFIG_INVALID' },
    { options: { placement: 'sideways' }, code: 'RNNX_CONFIG_INVALID' },
  ],
  identity: {},
});

const noise = { sites: ['hidden'], lifetime: 'step', sharing: 'example', unbiased: true } as const;

regularizerContract(noisin, {
  ...everywhere,
  valid: [
    { options: { spread: 0.5 }, ...noise },
    { options: { spread: 0.5, distribution: 'laplace', learned: true }, ...noise },
    { options: { spread: 0.4, injection: 'additive', samples: 2, evaluation: 'probabilities' }, ...noise },
  ],
  variations: {
    distribution: ['gumbel', { name: 'gamma', shape: 3 }],
    spread: [0.7],
    reading: ['variance', 'keep-probability'],
    injection: ['additive', 'multiplicative'],
    learned: [true],
    lowerBound: [0.2],
    samples: [3],
    evaluation: ['log-probabilities'],
    evaluationSamples: [4],
  },
  invalid: [
    { options: {}, code: 'RNNX_CONFIG_INVALID' },
    { options: { spread: 0 }, code: 'RNNX_CONFIG_INVALID' },
    { options: { spread: 1.2, reading: 'keep-probability' }, code: 'RNNX_CONFIG_INVALID' },
    { options: { spread: 0.5, learned: true, distribution: 'bernoulli' }, code: 'RNNX_OPTION_CONFLICT' },
    { options: { spread: 0.5, learned: true, lowerBound: 0.6 }, code: 'RNNX_OPTION_CONFLICT' },
    { options: { spread: 0.5, distribution: 'norml' }, code: 'RNNX_PLUGIN_UNKNOWN' },
  ],
  identity: { spread: 1, distribution: 'kit-zero' },
});
