import { regularizerContract } from '@rnnx/contract-kit';
import { zarembaDropout } from '@rnnx/zaremba-dropout';

regularizerContract(zarembaDropout, {
  valid: [
    {
      options: { rate: 0.5 },
      sites: ['input', 'output'],
      lifetime: 'step',
      sharing: 'example',
      unbiased: true,
    },
  ],
  variations: { rate: [0.2] },
  invalid: [
    { options: {}, code: 'RNNX_CONFIG_INVALID' },
    { options: { rate: 1 }, code: 'RNNX_CONFIG_INVALID' },
  ],
  identity: { rate: 0 },
});
