import { testSequences } from '../../support/sequence-suite.js';
import { onWebGpu } from '../../support/webgpu.js';

describe('whole sequences as WGSL kernels', function () {
  this.timeout(300_000); // software drivers compile every kernel for the processor
  onWebGpu();
  // WGSL asks less of exp and tanh than the processor's libraries give; with 26 perturbations at once it adds up.
  testSequences({ runs: 5, tolerance: 2e-5 });
});
