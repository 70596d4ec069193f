import { createOptimizer, createRng, enableFusedKernels, type OptimizerConfig, updateWeights } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { onWebGpu } from '../../support/webgpu.js';

const shapes: Readonly<Record<string, number[]>> = { matrix: [300, 70], bias: [70], scalar: [1] };
const optimizers: readonly OptimizerConfig[] = [
  { name: 'sgd', learningRate: 0.3 },
  { name: 'momentum', learningRate: 0.1, momentum: 0.9, nesterov: false },
  { name: 'momentum', learningRate: 0.1, momentum: 0.9, nesterov: true },
  { name: 'adam', learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  { name: 'rmsprop', learningRate: 0.01, decay: 0.9, momentum: 0.5, epsilon: 1e-4, initial: 1 },
];

function draw(name: string, seed: number): Record<string, tf.Tensor> {
  const rng = createRng(seed).stream(name);
  return Object.fromEntries(
    Object.entries(shapes).map(([key, shape]) => [key, tf.tidy(() => tf.sub(rng.stream(key).uniform(shape), 0.4))]),
  );
}

/** Weights, slots and norms after some updates, with kernels or in tfjs's operations. */
async function train(config: OptimizerConfig, clipNorm: number | null, fused: boolean): Promise<number[][]> {
  enableFusedKernels(fused);
  try {
    const optimizer = createOptimizer(config);
    let weights = draw('weights', 1);
    let slots = optimizer.initialSlots(weights);
    const norms: number[] = [];
    for (let step = 1; step <= 4; step++) {
      const gradients = draw('gradients', step);
      const [nll, loss] = [tf.scalar(step), tf.scalar(2 * step)];
      const result = { nll, loss, gradients };
      const context = { learningRate: config.learningRate, step };
      const updated = await updateWeights({ optimizer, weights, slots, result, clipNorm, context, where: 'in a test' });
      expect(updated.nll).to.equal(step);
      norms.push(updated.gradientNorm);
      tf.dispose([gradients, nll, loss]);
      ({ weights, slots } = updated);
    }
    const all = await Promise.all([...Object.values(weights), ...Object.values(slots)].map((each) => each.data()));
    const numbers = [norms, ...all.map((values) => [...values])];
    tf.dispose([weights, slots]);
    return numbers;
  } finally {
    enableFusedKernels(true);
  }
}

describe('updates on the GPU', function () {
  this.timeout(300_000); // software drivers compile every kernel for the processor
  onWebGpu();

  for (const config of optimizers)
    for (const clipNorm of [null, 1e6, 5])
      it(`are those of tfjs’s operations, clipped at ${clipNorm}: ${JSON.stringify(config)}`, async () => {
        const expected = await train(config, clipNorm, false);
        const { numTensors } = tf.memory();
        const actual = await train(config, clipNorm, true);
        expect(tf.memory().numTensors).to.equal(numTensors);
        expect(actual.length).to.equal(expected.length);
        for (const [i, values] of expected.entries())
          for (const [j, value] of values.entries())
            expect(actual[i]![j]).to.be.closeTo(value, 2e-6 + 2e-6 * Math.abs(value));
      });

  for (const [what, odd] of [
    ['gradient', Number.NaN],
    ['gradient', Number.POSITIVE_INFINITY],
    ['weight', Number.NaN],
    ['weight', Number.NEGATIVE_INFINITY],
  ] as const)
    it(`stop where a ${what} is ${odd}, and leave the weights as they are`, async () => {
      const optimizer = createOptimizer({ name: 'sgd', learningRate: 1 });
      const values = [...new Array(99).fill(0.5), odd];
      const [good, bad] = [tf.fill([100], 0.25), tf.tensor1d(values)];
      const [weight, gradient] = what === 'weight' ? [bad, good] : [good, bad];
      const result = { nll: tf.scalar(1), loss: tf.scalar(1), gradients: { w: gradient } };
      const context = { learningRate: 1, step: 1 };
      const input = { optimizer, weights: { w: weight }, slots: {}, result, clipNorm: null, context, where: 'here' };
      const error = await updateWeights(input).catch((error: unknown) => error);
      expect(error).to.have.property('code', 'RNNX_NONFINITE');
      expect((await weight.data())[0]).to.equal(what === 'weight' ? 0.5 : 0.25);
    });
});
