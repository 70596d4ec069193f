import { fusedKernels } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { testSequences } from '../../support/sequence-suite.js';
import { onWebGpu } from '../../support/webgpu.js';

describe('whole sequences as WGSL kernels', function () {
  this.timeout(300_000); // software drivers compile every kernel for the processor
  onWebGpu();
  testSequences({ runs: 5, tolerance: 1e-5 });

  it('take tanh as it is in double precision, most closely where it is nearly 1', async () => {
    const x = Float32Array.from({ length: 8001 }, (_, i) => (i - 4000) / 200);
    const { hidden } = fusedKernels().sequence!({
      cell: { kind: 'rnn', activation: 'tanh', recurrent: 'recurrent' },
      product: tf.tensor3d(x, [1, x.length, 1]),
      weights: { recurrent: tf.zeros([1, 1]) },
      state: { h: tf.zeros([x.length, 1]) },
      perturbations: [],
    })!;
    for (const [i, y] of (await hidden.data()).entries()) {
      const [at, exact] = [x[i]!, Math.tanh(x[i]!)];
      // exp may be off by more the larger its argument is; beyond 4 hardly anything is left of it.
      const bound = Math.abs(at) < 0.6 ? 2e-7 * Math.abs(exact) : Math.abs(at) < 4 ? 4e-7 : 7e-8;
      expect(y, `tanh ${at}`).to.be.closeTo(exact, bound);
    }
  });
});
