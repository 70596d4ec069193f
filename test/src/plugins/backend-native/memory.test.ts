import { nativeBackend } from '@rnnx/backend-native';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { onNative } from '../../support/native.js';

const long = 5000;
const ramp = () => tf.tidy(() => tf.range(0, long).add(0));
const expected = Array.from({ length: long }, (_, i) => i);

/** Overwrites all memory that waits for tensors of this size. */
function scribble(): void {
  tf.tidy(() => {
    for (let i = 0; i < 8; i++) tf.fill([long], -1);
  });
}

describe('memory of the native backend', () => {
  onNative();

  it('keeps a slice whole when the tensor that it was cut from is gone', async () => {
    const whole = ramp();
    const part = whole.slice([1000], [3000]);
    whole.dispose();
    scribble();
    expect(Array.from(await part.data())).to.deep.equal(expected.slice(1000, 4000));
    part.dispose();
  });

  it('keeps clones, reshapes and parts whole in whatever order they go', async () => {
    const whole = ramp();
    const others = [
      whole.clone(),
      whole.reshape([50, 100]),
      ...tf.split(whole, 2),
      ...tf.unstack(whole.reshape([2, long / 2])),
    ];
    whole.dispose();
    others.shift()!.dispose();
    scribble();
    const [matrix, ...halves] = others;
    expect(Array.from(await matrix!.data())).to.deep.equal(expected);
    matrix!.dispose();
    scribble();
    for (const [i, half] of halves.entries())
      expect(Array.from(await half.data())).to.deep.equal(expected.slice((i % 2) * 2500, (i % 2) * 2500 + 2500));
    tf.dispose(halves);
  });

  it('keeps parts that tfjs’s own kernels cut', async () => {
    const whole = ramp();
    const part = tf.stridedSlice(whole, [1000], [4000], [1]);
    const blocks = tf.batchToSpaceND(
      whole.reshape([4, 1250, 1, 1]) as tf.Tensor4D,
      [2, 2],
      [
        [0, 0],
        [0, 0],
      ],
    );
    const values = Array.from(await blocks.data());
    whole.dispose();
    scribble();
    expect(Array.from(await part.data())).to.deep.equal(expected.slice(1000, 4000));
    expect(Array.from(await blocks.data())).to.deep.equal(values);
    tf.dispose([part, blocks]);
  });

  it('gives copies to those who read', async () => {
    const x = ramp();
    const read = await x.data();
    const readNow = x.dataSync();
    x.dispose();
    scribble();
    expect(Array.from(read)).to.deep.equal(expected);
    expect(Array.from(readNow)).to.deep.equal(expected);
    const y = ramp();
    (await y.data()).fill(7);
    expect(Array.from(await y.data())).to.deep.equal(expected);
    y.dispose();
  });

  it('lets nothing be changed in place that another tensor or the caller has too', () => {
    const backend = nativeBackend()!;
    const x = ramp();
    expect(backend.exclusive(x)).to.equal(true);
    const clone = x.clone();
    expect(backend.exclusive(x), 'a clone').to.equal(false);
    clone.dispose();
    const part = x.slice([0], [2000]);
    expect(backend.exclusive(x), 'a slice').to.equal(false);
    expect(backend.exclusive(part)).to.equal(false);
    part.dispose();
    expect(backend.exclusive(x)).to.equal(true);
    x.dispose();
  });

  for (const length of [10, long])
    it(`leaves the caller’s array of ${length} alone, which may change while the tensor is in use`, async () => {
      const mine = Float32Array.from(expected.slice(0, length));
      const x = tf.tensor1d(mine);
      const same = x.add(0);
      mine.fill(-1);
      const later = x.add(0);
      for (const tensor of [x, same, later])
        expect(Array.from(await tensor.data())).to.deep.equal(expected.slice(0, length));
      tf.dispose([x, same, later]);
      scribble();
      expect(new Set(mine)).to.deep.equal(new Set([-1]));
    });

  it('takes tensors of another backend and gives its own to it', async () => {
    const x = ramp();
    await tf.setBackend('cpu');
    const there = x.mul(2);
    await tf.setBackend('native');
    scribble();
    const back = there.sub(x);
    expect(Array.from(await back.data())).to.deep.equal(expected);
    tf.dispose([x, there, back]);
  });

  it('uses memory again: training allocates nothing after the first steps', () => {
    const weights = tf.variable(tf.fill([100, 200], 0.01));
    const x = tf.ones([50, 100]);
    const optimizer = tf.train.adam(0.001);
    const step = () =>
      optimizer.minimize(() =>
        x
          .matMul(weights as tf.Tensor2D)
          .tanh()
          .square()
          .mean()
          .asScalar(),
      );
    for (let i = 0; i < 3; i++) step();
    const tensors = tf.memory().numTensors;
    const before = nativeBackend()!.poolStatistics();
    for (let i = 0; i < 20; i++) step();
    const after = nativeBackend()!.poolStatistics();
    expect(after.allocated).to.equal(before.allocated);
    expect(after.used).to.equal(before.used);
    expect(after.reused).to.be.above(before.reused);
    expect(tf.memory().numTensors).to.equal(tensors);
    optimizer.dispose();
    tf.dispose([weights, x]);
  });

  it('counts each tensor once: used memory is back where it was', () => {
    const backend = nativeBackend()!;
    const before = backend.poolStatistics().used;
    tf.tidy(() => {
      const x = ramp();
      const y = x
        .reshape([50, 100])
        .transpose()
        .slice([10, 0], [50, 50])
        .concat(tf.ones([50, 50]), 1);
      tf.grad((t: tf.Tensor) => tf.softmax(t.mul(2)).log().sum())(y);
    });
    expect(backend.poolStatistics().used).to.equal(before);
  });
});
