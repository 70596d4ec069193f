import { testConstantMasks, testGatedProducts } from '../../support/gated-suite.js';
import { onWebGpu } from '../../support/webgpu.js';

describe('products with a mask for each gate in WGSL', function () {
  this.timeout(300_000); // software drivers compile every kernel for the processor
  onWebGpu();
  testGatedProducts({ runs: 20 });
});

describe('masks that nobody learns on webgpu', function () {
  this.timeout(300_000);
  onWebGpu();
  testConstantMasks();
});
