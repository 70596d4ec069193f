import { testGatedProducts, testMasksInModels } from '../../support/gated-suite.js';
import { onWebGpu } from '../../support/webgpu.js';

describe('products with a mask for each gate in WGSL', function () {
  this.timeout(300_000); // software drivers compile every kernel for the processor
  onWebGpu();
  testGatedProducts({ runs: 20, learned: true });
});

describe('masks by gate in models on webgpu', function () {
  this.timeout(300_000);
  onWebGpu();
  testMasksInModels({ learned: true });
});
