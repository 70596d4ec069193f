import { findAddon } from '@rnnx/backend-native';
import { createRng, fusedKernels } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { onNative } from '../../support/native.js';
import { difference } from '../../support/sequences.js';
import { Draws, openAddon } from './addon/open.js';

interface Case {
  readonly steps: number;
  readonly batch: number;
  readonly size: number;
  readonly columns: number;
  readonly seed: number;
}

const anyCase: fc.Arbitrary<Case> = fc.record({
  steps: fc.integer({ min: 1, max: 5 }),
  batch: fc.integer({ min: 1, max: 9 }),
  size: fc.integer({ min: 1, max: 500 }),
  columns: fc.integer({ min: 1, max: 70 }),
  seed: fc.nat(),
});

type Linear = (x: tf.Tensor3D, weight: tf.Tensor2D, bias: tf.Tensor1D) => tf.Tensor;

const fused: Linear = (...args) => fusedKernels().linear!(...args)!;

const composed: Linear = (x, weight, bias) => {
  const [steps, batch, size] = x.shape;
  return tf.add(tf.reshape(tf.matMul(tf.reshape(x, [-1, size]), weight), [steps, batch, weight.shape[1]]), bias);
};

/** y and the gradients of Σ tanh(y)·dy. */
function run({ steps, batch, size, columns, seed }: Case, linear: Linear): tf.Tensor[] {
  const draw = (name: string, shape: number[]) => tf.sub(createRng(seed).stream(name).uniform(shape), 0.4);
  const inputs = [draw('x', [steps, batch, size]), draw('weight', [size, columns]), draw('bias', [columns])] as const;
  const dy = draw('dy', [steps, batch, columns]);
  const of = (...all: tf.Tensor[]) => linear(...(all as unknown as Parameters<Linear>));
  return [of(...inputs), ...tf.grads((...all) => tf.sum(tf.mul(tf.tanh(of(...all)), dy)))([...inputs])];
}

describe('products that begin at a bias', () => {
  onNative();

  it('give values and gradients of the composed operations, whatever the shapes', () =>
    fc.assert(
      fc.asyncProperty(anyCase, async (at) => {
        const before = tf.memory().numTensors;
        const [actual, expected] = tf.tidy(() => [run(at, fused), run(at, composed)] as never) as tf.Tensor[][];
        for (const [i, tensor] of expected!.entries()) {
          expect(actual![i]!.shape).to.deep.equal(tensor.shape);
          const terms = Math.max(1, (at.steps * at.batch * at.size * at.columns) / tensor.size);
          const apart = difference(await actual![i]!.data(), await tensor.data(), terms);
          expect(apart, `result ${i} of ${JSON.stringify(at)}`).to.be.below(1e-5);
        }
        tf.dispose([actual, expected] as never);
        expect(tf.memory().numTensors).to.equal(before);
      }),
      { seed: 5, numRuns: 100 },
    ));

  it('give second derivatives', async () => {
    const at = { steps: 2, batch: 3, size: 4, columns: 5, seed: 1 };
    const slopes = [fused, composed].map((linear) =>
      tf.tidy(() => {
        const [weight, bias] = [createRng(1).uniform([at.size, at.columns]), tf.zeros([at.columns])];
        const f = (x: tf.Tensor) =>
          tf.sum(tf.square(linear(x as tf.Tensor3D, weight as tf.Tensor2D, bias as tf.Tensor1D)));
        const slope = tf.grad(f);
        return tf.grad((x) => tf.sum(tf.square(slope(x))))(createRng(2).uniform([at.steps, at.batch, at.size]));
      }),
    );
    expect(difference(await slopes[0]!.data(), await slopes[1]!.data())).to.be.below(1e-5);
    tf.dispose(slopes);
  });

  it('work out no gradient that nobody asks for', () => {
    const found = findAddon();
    if ('reason' in found) throw new Error(found.reason);
    const { addon } = found;
    const { gemm } = addon;
    const products: boolean[] = [];
    addon.gemm = (...args) => {
      products.push(args[0]);
      gemm(...args);
    };
    try {
      tf.tidy(() => {
        const [x, bias] = [tf.ones([2, 3, 4]), tf.ones([5])];
        tf.grad((w) => tf.sum(fused(x as tf.Tensor3D, w as tf.Tensor2D, bias as tf.Tensor1D)))(tf.ones([4, 5]));
      });
    } finally {
      addon.gemm = gemm;
    }
    expect(products).to.deep.equal([true]);
  });

  it('have the bits of adding to the bias, at any thread count', () => {
    const addon = openAddon();
    const draws = new Draws('linear');
    const threads = addon.threadCount();
    try {
      for (const [m, n, k] of [
        [1, 300, 500],
        [2, 40, 30],
        [3, 70, 0],
        [400, 157, 500],
      ] as const) {
        const [dense, b, bias] = [draws.floats(m * k), draws.floats(k * n), draws.floats(n)];
        const few = dense.map((x) => (draws.chance(0.05) ? x : 0));
        for (const a of [dense, few]) {
          const expected = Float32Array.from({ length: m * n }, (_, i) => bias[i % n]!);
          addon.gemm(false, false, m, n, k, a, b, expected, true);
          for (const count of [1, 2, 3]) {
            addon.setThreadCount(count);
            const actual = new Float32Array(m * n);
            addon.linear(m, n, k, a, b, bias, actual);
            expect(
              Buffer.compare(Buffer.from(actual.buffer), Buffer.from(expected.buffer)),
              `${[m, n, k, count]}`,
            ).to.equal(0);
          }
        }
      }
    } finally {
      addon.setThreadCount(threads);
    }
  });
});
