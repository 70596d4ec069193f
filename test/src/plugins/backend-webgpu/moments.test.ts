import { testMomentSequences } from '../../support/moments-suite.js';
import { onWebGpu } from '../../support/webgpu.js';

describe('fast dropout in WGSL', function () {
  this.timeout(300_000); // software drivers compile every kernel for the processor
  onWebGpu();
  testMomentSequences({ runs: 12 });
});
