import { testNormalizedSequences } from '../../support/normalized-suite.js';
import { onWebGpu } from '../../support/webgpu.js';

describe('a batch-normalised LSTM in WGSL', function () {
  this.timeout(300_000); // software drivers compile every kernel for the processor
  onWebGpu();
  testNormalizedSequences({ runs: 12 });
});
