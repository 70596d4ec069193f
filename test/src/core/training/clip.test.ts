import { clipByGlobalNorm, globalNorm } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';

describe('clipping by global norm', () => {
  const gradients = () => ({
    a: tf.tensor1d([3, 0]),
    b: tf.tensor2d([
      [0, 4],
      [0, 12],
    ]),
  }); // norm 13

  async function clip(limit: number | null) {
    const given = gradients();
    const { norm, gradients: clipped } = clipByGlobalNorm(given, limit);
    const result = {
      norm: (await norm.data())[0]!,
      a: [...(await clipped.a!.data())],
      b: [...(await clipped.b!.data())],
    };
    tf.dispose([given, norm, clipped]);
    return result;
  }

  it('scales all parameters by one factor and reports the norm before', async () => {
    const { norm, a, b } = await clip(6.5);
    expect(norm).to.equal(13);
    expect(a).to.deep.equal([1.5, 0]);
    expect(b).to.deep.equal([0, 2, 0, 6]);
  });

  it('keeps what is within the limit, or at it, or unlimited', async () => {
    for (const limit of [13, 20, null])
      expect(await clip(limit)).to.deep.equal({ norm: 13, a: [3, 0], b: [0, 4, 0, 12] });
  });

  it('leaves a gradient of zero alone', async () => {
    const zero = { a: tf.zeros([2]) };
    const { norm, gradients: clipped } = clipByGlobalNorm(zero, 1);
    expect([...(await norm.data()), ...(await clipped.a!.data())]).to.deep.equal([0, 0, 0]);
    tf.dispose([zero, norm, clipped]);
  });

  it('frees what it needs meanwhile', () => {
    const given = gradients();
    const before = tf.memory().numTensors;
    const { norm, gradients: clipped } = clipByGlobalNorm(given, 1);
    expect(tf.memory().numTensors).to.equal(before + 3);
    tf.dispose([given, norm, clipped]);
    const lone = tf.tensor1d([3, 4]);
    tf.dispose([lone, globalNorm({ lone })]);
    expect(tf.memory().numTensors).to.equal(before - 2);
  });
});
