import { findAddon } from '@rnnx/backend-native';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import {
  type MomentCase,
  momentCase,
  momentInputs,
  runMoments,
  testMomentSequences,
} from '../../support/moments-suite.js';
import { onNative } from '../../support/native.js';
import { difference } from '../../support/sequences.js';

describe('fast dropout as one native kernel', () => {
  onNative();

  testMomentSequences({ runs: 200 });

  for (const activation of ['tanh', 'sigmoid', 'relu'] as const)
    for (const moments of ['closed-form', 'quadrature'] as const)
      it(`has gradients that match finite differences: ${activation}, ${moments}`, async () => {
        const at: MomentCase = { ...momentCase, activation, moments, steps: 2, batch: 2, units: 3 };
        const inputs = momentInputs(at);
        const results = runMoments(at, inputs, true);
        for (const [name, tensor] of Object.entries(inputs.differentiable)) {
          const values = Float32Array.from(await tensor.data());
          const loss = (i: number, h: number) => {
            const moved = values.slice();
            moved[i] = moved[i]! + h;
            const differentiable = { ...inputs.differentiable, [name]: tf.tensor(moved, tensor.shape) };
            return runMoments(at, { ...inputs, differentiable }, true).loss!.dataSync()[0]!;
          };
          const numeric = values.map((_, i) => (loss(i, 5e-3) - loss(i, -5e-3)) / 1e-2);
          expect(difference(await results[`d ${name}`]!.data(), numeric), name).to.be.below(5e-3);
        }
      });

  it('gives the same bits on one thread and on several, and where no gradient is recorded', () => {
    const found = findAddon();
    if ('reason' in found) throw new Error(found.reason);
    const inputs = momentInputs({ ...momentCase, units: 131 });
    const bits = () =>
      Object.entries(runMoments({ ...momentCase, units: 131 }, inputs, true)).map(([name, tensor]) => [
        name,
        [...new Int32Array(Float32Array.from(tensor.dataSync()).buffer)],
      ]);
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
