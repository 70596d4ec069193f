import { findAddon } from '@rnnx/backend-native';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { onNative } from '../../support/native.js';
import { type NormalizedCase, normalizedInputs, runNormalized } from '../../support/normalized.js';
import { expectAgreement, normalizedCase, testNormalizedSequences } from '../../support/normalized-suite.js';
import { difference } from '../../support/sequences.js';

describe('a batch-normalised LSTM as one native kernel', () => {
  onNative();

  testNormalizedSequences({ runs: 150 });

  it('has gradients that match finite differences', async () => {
    const at: NormalizedCase = { ...normalizedCase, steps: 3, batch: 4, units: 3, shifts: true };
    const inputs = normalizedInputs(at);
    const results = runNormalized(at, inputs, true);
    for (const [name, tensor] of Object.entries(inputs.differentiable)) {
      const gradient = await results[`d ${name}`]!.data();
      const values = Float32Array.from(await tensor.data());
      const numeric = values.map((value, i) => {
        const at2 = (h: number) => {
          const moved = values.slice();
          moved[i] = value + h;
          const differentiable = { ...inputs.differentiable, [name]: tf.tensor(moved, tensor.shape) };
          const again = runNormalized(at, { ...inputs, differentiable }, true);
          return again.loss!.dataSync()[0]!;
        };
        return (at2(5e-3) - at2(-5e-3)) / 1e-2;
      });
      expect(difference(gradient, numeric), name).to.be.below(5e-3);
    }
  });

  // Few units of a last block go in fours, several examples to a vector: none, some and all of both.
  for (const statistics of ['minibatch', 'masked', 'shared'] as const)
    it(`agrees whatever is left for the last block of units, statistics: ${statistics}`, async () => {
      for (const units of [3, 4, 5, 7, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25])
        for (const batch of [1, 2, 3, 4, 5, 7, 8]) {
          const at: NormalizedCase = { ...normalizedCase, steps: 3, batch, units, statistics, shifts: true };
          await expectAgreement(at, 1e-5);
        }
    });

  it('gives the same bits on one thread and on several', () => {
    const found = findAddon();
    if ('reason' in found) throw new Error(found.reason);
    const at: NormalizedCase = { ...normalizedCase, batch: 61, units: 131, statistics: 'masked' };
    const inputs = normalizedInputs(at);
    const bits = () =>
      Object.fromEntries(
        Object.entries(runNormalized(at, inputs, true)).map(([name, tensor]) => [
          name,
          [...new Int32Array(Float32Array.from(tensor.dataSync()).buffer)],
        ]),
      );
    const threads = found.addon.threadCount();
    try {
      found.addon.setThreadCount(1);
      const alone = bits();
      for (const count of [2, 3, 5]) {
        found.addon.setThreadCount(count);
        expect(bits(), `${count} threads`).to.deep.equal(alone);
      }
    } finally {
      found.addon.setThreadCount(threads);
    }
  });
});
