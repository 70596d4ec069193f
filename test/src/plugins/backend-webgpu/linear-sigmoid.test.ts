import { testLinearSigmoid } from '../../support/sigmoid-suite.js';
import { onWebGpu } from '../../support/webgpu.js';

describe('output layer of Bernoullis in WGSL', function () {
  this.timeout(300_000); // software drivers compile every kernel for the processor
  onWebGpu();
  testLinearSigmoid({ runs: 10 });
});
