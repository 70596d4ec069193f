import { testSteppedProducts } from '../../support/stepped-suite.js';
import { onWebGpu } from '../../support/webgpu.js';

describe('products with a weight that differs by step in WGSL', function () {
  this.timeout(300_000); // software drivers compile every kernel for the processor
  onWebGpu();
  testSteppedProducts({ runs: 8 });
});
