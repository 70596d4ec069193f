import { testSequences } from '../../support/sequence-suite.js';
import { onWebGpu } from '../../support/webgpu.js';

describe('whole sequences as WGSL kernels', function () {
  this.timeout(300_000); // software drivers compile every kernel for the processor
  onWebGpu();
  testSequences({
    runs: 5,
    tolerance: 1e-5,
    takes: ({ site, gated }) => site !== 'weights.recurrent' && !gated,
  });
});
