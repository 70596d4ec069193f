import { stockKernels } from '@rnnx/backends';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { runOn, useBackend } from '../../support/backend.js';
import { expectAgreement, expectClose, expectGradientAgreement } from './agreement.js';
import { kernelCases, onFloats } from './kernel-cases.js';

describe('kernels of the cpu and wasm backends', () => {
  before(() => useBackend('wasm'));
  after(() => useBackend('cpu'));

  for (const [name, arbitraries] of Object.entries(kernelCases)) {
    it(`${name} agrees with tfjs's own`, async () => {
      for (const arbitrary of arbitraries) await expectAgreement(arbitrary);
    });
    it(`the gradient through ${name} agrees with tfjs's own`, async () => {
      for (const arbitrary of arbitraries) await expectGradientAgreement(arbitrary);
    });
  }

  it('BatchMatMul agrees for stacks of matrices large enough to go one by one', async () => {
    const waves = (shape: number[]) => tf.range(0, tf.util.sizeFromShape(shape)).sin().reshape(shape);
    for (const transposeA of [false, true])
      for (const transposeB of [false, true]) {
        const body = () => {
          const a = waves(transposeA ? [3, 50, 40] : [3, 40, 50]);
          const b = waves(transposeB ? [3, 70, 50] : [3, 50, 70]);
          return tf.matMul(a, b, transposeA, transposeB);
        };
        const expected = await runOn('stock', body);
        for (const name of ['cpu', 'wasm'] as const) expectClose(await runOn(name, body), expected, name);
      }
  });

  it('has a case for each kernel that is not as tfjs made it', () => {
    for (const backend of ['cpu', 'wasm']) {
      const stock = new Map(stockKernels(backend).map((kernel) => [kernel.kernelName, kernel.kernelFunc]));
      const replaced = tf
        .getKernelsForBackend(backend)
        .filter((kernel) => kernel.kernelFunc !== stock.get(kernel.kernelName));
      expect(replaced.length).to.be.greaterThan(5);
      expect(Object.keys(kernelCases)).to.include.members(replaced.map((kernel) => kernel.kernelName));
    }
  });

  it('agrees in other gradients that training takes', async () => {
    const others: Record<string, (x: tf.Tensor) => tf.Tensor> = {
      max: (x) => x.max(-1),
      logSoftmax: (x) => tf.logSoftmax(x),
      tanh: (x) => x.tanh(),
      sigmoid: (x) => x.sigmoid(),
      relu: (x) => x.relu(),
      exp: (x) => x.exp(),
      logSumExp: (x) => x.logSumExp(-1),
      softplus: (x) => x.softplus(),
      square: (x) => x.square(),
      root: (x) => x.square().add(0.1).sqrt(),
      power: (x) => x.abs().add(0.1).pow(2.5),
      clip: (x) => x.clipByValue(-1, 1),
      where: (x) => tf.where(tf.range(0, x.size).mod(2).greater(0).reshape(x.shape), x.mul(2), x.neg()),
      reverse: (x) => tf.reverse(x, 0),
      cumsum: (x) => tf.cumsum(x, 0),
      moments: (x) => tf.addN([tf.moments(x, 0).mean, tf.moments(x, 0).variance]),
    };
    for (const body of Object.values(others)) await expectGradientAgreement(onFloats(body), 5);
  });
});
