import { findAddon } from '@rnnx/backend-native';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { fusedGatedProduct, runGated, testGatedProducts, testMasksInModels } from '../../support/gated-suite.js';
import { onNative } from '../../support/native.js';

describe('products with a mask for each gate', () => {
  onNative();

  testGatedProducts({ runs: 150, learned: false });

  it('give the same bits on one thread and on several', () => {
    const found = findAddon();
    if ('reason' in found) throw new Error(found.reason);
    const { addon } = found;
    const at = { steps: 6, batch: 7, inputs: 133, gates: 4, units: 90, masks: [false, true, true], seed: 2 } as const;
    const bits = () =>
      tf.tidy(() =>
        runGated(at, fusedGatedProduct).map((t) => [...new Int32Array(Float32Array.from(t.dataSync()).buffer)]),
      );
    const threads = addon.threadCount();
    try {
      addon.setThreadCount(1);
      const alone = bits();
      for (const count of [2, 3]) {
        addon.setThreadCount(count);
        expect(bits(), `${count} threads`).to.deep.equal(alone);
      }
    } finally {
      addon.setThreadCount(threads);
    }
  });
});

describe('masks by gate in models', () => {
  onNative();

  testMasksInModels({ learned: false });
});
