import { sharedProduct } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { onBackend } from '../../support/backend.js';

const waves = (shape: number[], phase: number): tf.Tensor2D =>
  tf.tidy(() => tf.range(0, tf.util.sizeFromShape(shape)).add(phase).sin().reshape(shape) as tf.Tensor2D);

/** A recurrence over five steps, in which the state passes through the matrix each time. */
function recurrence(times: (w: tf.Tensor2D) => (x: tf.Tensor2D) => tf.Tensor2D) {
  return (w: tf.Tensor2D, start: tf.Tensor2D): tf.Scalar => {
    // The matrix is an intermediate value, which tfjs frees between the passes unless it is saved.
    const product = times(tf.mul(w, 1.5));
    let h = start;
    const states: tf.Tensor2D[] = [];
    for (let t = 0; t < 5; t++) {
      h = tf.tanh(product(h));
      states.push(h);
    }
    return tf
      .addN(states)
      .mul(waves([3, 4], 9))
      .sum() as tf.Scalar;
  };
}

describe('sharedProduct', () => {
  onBackend('cpu');

  it('has the values and gradients of matMul', async () => {
    const inputs = [waves([4, 4], 1), waves([3, 4], 2)] as const;
    const run = (times: Parameters<typeof recurrence>[0]) =>
      tf.tidy(() => tf.valueAndGrads(recurrence(times) as (...x: tf.Tensor[]) => tf.Scalar)([...inputs]));
    const before = tf.memory().numTensors;
    const got = run(sharedProduct);
    const want = run((w) => (x) => tf.matMul(x, w));
    const pairs = [[got.value, want.value] as const, ...got.grads.map((grad, i) => [grad, want.grads[i]!] as const)];
    for (const [have, expected] of pairs) {
      const values = await have.data();
      expect(have.shape).to.deep.equal(expected.shape);
      for (const [i, value] of (await expected.data()).entries()) expect(values[i]).to.be.closeTo(value, 1e-5);
    }
    tf.dispose([got as never, want as never]);
    expect(tf.memory().numTensors, 'tensors left').to.equal(before);
    tf.dispose([...inputs]);
  });

  it('takes one product for the gradient of the matrix, however often it was used', () => {
    const inputs = [waves([4, 4], 1), waves([3, 4], 2)];
    const { kernels } = tf.tidy(() => {
      let profile = { kernels: 0 };
      const engine = tf.engine();
      const run = engine.runKernel.bind(engine);
      engine.runKernel = (name, ...rest) => {
        if (name === 'BatchMatMul') profile = { kernels: profile.kernels + 1 };
        return run(name, ...rest);
      };
      try {
        tf.grads(recurrence(sharedProduct) as (...x: tf.Tensor[]) => tf.Scalar)(inputs);
      } finally {
        engine.runKernel = run;
      }
      return profile;
    });
    expect(kernels, 'five forward, five back through the states, one for the matrix').to.equal(11);
    tf.dispose(inputs);
  });

  it('gives a matrix that was never used a gradient of zeros, and works without gradients', async () => {
    const w = waves([4, 4], 1);
    const x = waves([3, 4], 2);
    const gradient = tf.tidy(() =>
      tf.grad((m: tf.Tensor) => {
        sharedProduct(m as tf.Tensor2D);
        return m.sum().mul(0).add(x.sum());
      })(w),
    );
    expect(Array.from(await gradient.data())).to.deep.equal(new Array(16).fill(0));
    const [got, want] = tf.tidy(() => [sharedProduct(w)(x), tf.matMul(x, w)]);
    expect(await got!.array()).to.deep.equal(await want!.array());
    tf.dispose([w, x, gradient, got!, want!]);
  });

  it('passes gradients on where only the operand is asked for', async () => {
    const w = waves([4, 4], 1);
    const x = waves([3, 4], 2);
    const [got, want] = tf.tidy(() => [
      tf.grad((h: tf.Tensor) => sharedProduct(w)(h as tf.Tensor2D).sum())(x),
      tf.grad((h: tf.Tensor) => tf.matMul(h as tf.Tensor2D, w).sum())(x),
    ]);
    expect(await got!.array()).to.deep.equal(await want!.array());
    tf.dispose([w, x, got!, want!]);
  });
});
