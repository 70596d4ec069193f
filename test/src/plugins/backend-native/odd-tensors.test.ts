import { fallbacks, nativeBackend, resetFallbacks, trialFallbacks } from '@rnnx/backend-native';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { runOn } from '../../support/backend.js';
import { onNative } from '../../support/native.js';

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
const special = [nan, infinity, -infinity, 0, -0, 1, -1, 1e-40, 3e38, -3e38, 88.8, -104];

/** The same, NaN included, but for the sign of zero and a difference of rounding. */
function expectSame(got: readonly number[], want: readonly number[], what: string): void {
  expect(got.length).to.equal(want.length);
  for (const [i, value] of want.entries()) {
    const have = got[i]!;
    const same = Object.is(have, value) || Math.abs(have - value) <= 1e-6 * Math.abs(value) + 1e-44;
    if (!same) expect.fail(`${what}: element ${i} is ${have}, not ${value}`);
  }
}

describe('odd tensors on the native backend', () => {
  onNative();

  describe('NaN, infinities, zeros and numbers at the ends of the range', () => {
    const unary: Record<string, (x: tf.Tensor) => tf.Tensor> = {
      abs: (x) => x.abs(),
      ceil: (x) => x.ceil(),
      clip: (x) => x.clipByValue(-2, 2),
      elu: (x) => x.elu(),
      exp: (x) => x.exp(),
      expm1: (x) => x.expm1(),
      floor: (x) => x.floor(),
      leakyRelu: (x) => x.leakyRelu(0.2),
      log: (x) => x.log(),
      log1p: (x) => x.log1p(),
      neg: (x) => x.neg(),
      reciprocal: (x) => x.reciprocal(),
      relu: (x) => x.relu(),
      relu6: (x) => x.relu6(),
      rsqrt: (x) => x.rsqrt(),
      sigmoid: (x) => x.sigmoid(),
      sign: (x) => x.sign(),
      softplus: (x) => x.softplus(),
      sqrt: (x) => x.sqrt(),
      square: (x) => x.square(),
      step: (x) => x.step(0.5),
      tanh: (x) => x.tanh(),
      toBool: (x) => x.cast('bool').cast('float32'),
      toInt: (x) => x.cast('int32').cast('float32'),
    };
    for (const [name, body] of Object.entries(unary))
      it(`${name} does with them what JavaScript does`, async () => {
        // A length that leaves a rest at every vector width, so that each element meets both loops.
        const x = () => tf.tensor1d([...special, ...special, ...special.slice(1)]);
        const [got] = await runOn('native', () => body(x()));
        const [want] = await runOn('stock', () => body(x()));
        expectSame(got!.values, want!.values, name);
      });

    const binary: Record<string, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor> = {
      add: (a, b) => a.add(b),
      div: (a, b) => a.div(b),
      equal: (a, b) => a.equal(b),
      greater: (a, b) => a.greater(b),
      lessEqual: (a, b) => a.lessEqual(b),
      maximum: (a, b) => a.maximum(b).abs(),
      minimum: (a, b) => a.minimum(b).abs(),
      mul: (a, b) => a.mul(b),
      notEqual: (a, b) => a.notEqual(b),
      pow: (a, b) => a.pow(b),
      sub: (a, b) => a.sub(b),
    };
    for (const [name, body] of Object.entries(binary))
      it(`${name} does with each pair what JavaScript does`, async () => {
        const run = () => body(tf.tensor2d(special, [special.length, 1]), tf.tensor1d(special));
        const [got] = await runOn('native', run);
        const [want] = await runOn('stock', run);
        expectSame(got!.values, want!.values, name);
      });

    it('sums, extremes and softmax pass them on', async () => {
      const rows = [
        [1, nan, 2],
        [infinity, 1, 2],
        [infinity, -infinity, 0],
        [-infinity, -infinity, -infinity],
        [3e38, 3e38, -3e38],
      ];
      for (const axis of [0, 1]) {
        const run = () => {
          const x = tf.tensor2d(rows);
          return [x.sum(axis), x.mean(axis), x.max(axis), x.min(axis), tf.softmax(x)];
        };
        const want = await runOn('stock', run);
        for (const [i, got] of (await runOn('native', run)).entries())
          expectSame(got.values, want[i]!.values, `result ${i} along ${axis}`);
      }
    });

    it('products pass them on', async () => {
      const run = () =>
        tf
          .tensor2d([
            [nan, 1],
            [infinity, 0],
            [1, 2],
          ])
          .matMul(
            tf.tensor2d([
              [1, -1, 0],
              [1, 0, 1],
            ]),
          );
      expectSame((await runOn('native', run))[0]!.values, (await runOn('stock', run))[0]!.values, 'product');
    });
  });

  it('converts what JavaScript’s kernels only label', async () => {
    const backend = nativeBackend()!;
    const x = tf.tensor1d([1, 2, 3], 'int32');
    const label = tf.engine().makeTensorFromTensorInfo(backend.share(x, [3], 'float32'));
    const results = tf.tidy(() => [label.add(0.5), label.exp().log(), label.sum(), tf.concat([label, label])]);
    const values = await Promise.all(results.map(async (tensor) => Array.from(await tensor.data())));
    expect(values[0]).to.deep.equal([1.5, 2.5, 3.5]);
    for (const [i, value] of values[1]!.entries()) expect(value).to.be.closeTo(i + 1, 1e-6);
    expect(values[2]).to.deep.equal([6]);
    expect(values[3]).to.deep.equal([1, 2, 3, 1, 2, 3]);
    tf.dispose([x, label, ...results]);
  });

  it('computes on parts of tensors, wherever they begin', async () => {
    const results = tf.tidy(() => {
      const whole = tf.range(0, 9000);
      const part = whole.slice([4001], [4096]);
      const rows = whole.reshape([90, 100]).slice([7, 0], [41, 100]);
      return [
        part.add(part).sum(),
        rows.sum(0),
        tf.matMul(rows as tf.Tensor2D, rows as tf.Tensor2D, false, true).max(),
      ];
    });
    const [sum, columns, largest] = await Promise.all(results.map(async (tensor) => Array.from(await tensor.data())));
    expect(sum![0]).to.equal(Math.fround(2 * (4096 * 4001 + (4095 * 4096) / 2)));
    expect(columns![3]).to.equal(Array.from({ length: 41 }, (_, i) => 703 + 100 * i).reduce((a, b) => a + b));
    const last = Array.from({ length: 100 }, (_, i) => (4700 + i) ** 2).reduce((a, b) => a + b);
    expect(Math.abs(largest![0]! / last - 1)).to.be.below(1e-6);
    tf.dispose(results);
  });

  it('takes tensors without elements', async () => {
    const results = tf.tidy(() => {
      const none = tf.zeros([0, 3]);
      const three = tf.ones([2, 3]);
      return [
        none.add(1),
        none.exp(),
        none.sum(0),
        tf.concat([none, three]),
        none.matMul(tf.ones([3, 4])),
        none.transpose(),
      ];
    });
    expect(results.map(({ shape }) => shape)).to.deep.equal([[0, 3], [0, 3], [3], [2, 3], [0, 4], [3, 0]]);
    expect(Array.from(await results[2]!.data())).to.deep.equal([0, 0, 0]);
    expect(Array.from(await results[3]!.data())).to.deep.equal([1, 1, 1, 1, 1, 1]);
    tf.dispose(results);
  });

  it('multiplies over nothing: zeros', async () => {
    const product = tf.tidy(() => tf.zeros([2, 0]).matMul(tf.zeros([0, 3])));
    expect(Array.from(await product.data())).to.deep.equal([0, 0, 0, 0, 0, 0]);
    product.dispose();
  });

  it('leaves words, complex numbers and other types to tfjs', async () => {
    const words = tf.tensor1d(['b', 'a', 'c'], 'string');
    const parts = tf.tidy(() => [words.slice([1], [2]), words.equal(tf.tensor1d(['b', 'b', 'c'], 'string'))]);
    expect(await parts[0]!.data()).to.deep.equal(['a', 'c']);
    expect(Array.from(await parts[1]!.data())).to.deep.equal([1, 0, 1]);
    const complex = tf.tidy(() => tf.real(tf.complex([1, 2], [3, 4]).mul(tf.complex([0, 1], [1, 0]))));
    expect(Array.from(await complex.data())).to.deep.equal([-3, 2]);
    const whole = tf.tidy(() => tf.tensor1d([1, 2, 3], 'int32').add(tf.tensor1d([4, 5, 6], 'int32')));
    expect(whole.dtype).to.equal('int32');
    expect(Array.from(await whole.data())).to.deep.equal([5, 7, 9]);
    tf.dispose([words, ...parts, complex, whole]);
  });

  it('refuses disposed tensors, unfit shapes and indices out of range with an error', () => {
    const gone = tf.ones([30, 30]);
    gone.dispose();
    expect(() => gone.add(1)).to.throw(/disposed/);
    expect(() => tf.tidy(() => tf.ones([2, 3]).matMul(tf.ones([2, 3])))).to.throw(/inner shapes/i);
    expect(() => tf.tidy(() => tf.ones([2, 3]).add(tf.ones([2, 4])))).to.throw(/incompatible|broadcast/i);
    expect(() => tf.tidy(() => tf.gather(tf.ones([3, 2]), tf.tensor1d([3], 'int32')))).to.throw(/3/);
    expect(() => tf.tidy(() => tf.ones([3, 2]).slice([2, 0], [2, 2]))).to.throw(/slice/i);
    expect(() => tf.tidy(() => tf.concat([tf.ones([2, 3]), tf.ones([3, 2])]))).to.throw(/shape/i);
  });

  it('refuses malformed calls of the addon with an error', () => {
    const { addon } = nativeBackend()!;
    const four = new Float32Array(4);
    const shapes = new Int32Array(17);
    const calls: (() => void)[] = [
      () => addon.binary(99, shapes, four, four, four),
      () => addon.binary(0, new Int32Array(3), four, four, four),
      () => addon.binary(0, shapes, four, four, four),
      () => addon.binary(0, Int32Array.of(1, 8, 8, ...new Array(14).fill(0)), four, four, four),
      () => addon.binary(0, Int32Array.of(1, 3, 2, ...new Array(14).fill(0)), four, four, four),
      () => addon.binary(0, Int32Array.of(1, 4, 4, ...new Array(14).fill(0)), four, four, new Int32Array(4) as never),
      () => addon.unary(0, 5, four, four, 0, 0),
      () => addon.unary(0, -1, four, four, 0, 0),
      () => addon.gemm(false, false, 3, 3, 3, four, four, four, false),
      () => addon.reduce(0, 2, 3, 1, four, four),
      () => addon.softmax(1, 5, four, four),
      () => addon.copyFloat(new Int32Array(39).fill(99), four, four),
      () => addon.copyFloat(Int32Array.of(1, 0, 0, 4, -1, 1, ...new Array(33).fill(0)), four, new Float32Array(4)),
      () => addon.copyFloat(Int32Array.of(1, 0, 0, 4, 1, 2, ...new Array(33).fill(0)), four, new Float32Array(4)),
      () => addon.gather(1, 1, 2, 2, 9, four, new Int32Array(1), four),
      () => addon.segmentSum(2, 2, 3, four, new Int32Array(2), four, false),
      () => addon.addSquaresRows(4, four, new Float64Array(3), 2, 2, Int32Array.of(1, 0)),
      () => addon.addSquaresRows(4, four, new Float64Array(3), 2, 1, Int32Array.of(2)),
      () => addon.sgdRows(4, four, four, new Float64Array(3), 1, four, 2, 2, Int32Array.of(0, 0)),
      () => addon.sgdRows(4, four, four, new Float64Array(3), 1, four, 2, 1, Int32Array.of(-1)),
      () => addon.setThreadCount(0),
    ];
    for (const call of calls) expect(call).to.throw().with.property('code', 'RNNX_NATIVE_ARGUMENT');
    expect(Array.from(four)).to.deep.equal([0, 0, 0, 0]);
  });

  it('gives the same bits whatever the number of threads', async () => {
    const { addon } = nativeBackend()!;
    const before = addon.threadCount();
    const run = () =>
      runOn('native', () => {
        const x = tf.range(0, 90_000).sin().reshape([300, 300]);
        const ids = tf.range(0, 300, 1, 'int32') as tf.Tensor1D;
        return [
          x.matMul(x),
          x.matMul(x, true, false),
          x.sum(),
          x.sum(0),
          x.mean(1),
          tf.softmax(x),
          x.tanh().exp(),
          tf.unsortedSegmentSum(x, ids.minimum(tf.scalar(7, 'int32')), 8),
        ];
      });
    addon.setThreadCount(1);
    const alone = await run();
    for (const threads of [2, 3, 7]) {
      addon.setThreadCount(threads);
      expect(await run(), `${threads} threads`).to.deep.equal(alone);
    }
    addon.setThreadCount(before);
  });

  it('counts what JavaScript does to large tensors, and nothing else', async () => {
    resetFallbacks();
    tf.tidy(() => {
      tf.tensor1d([1, 2], 'int32').add(tf.tensor1d([1, 2], 'int32'));
      tf.ones([200, 100]).tanh().reshape([100, 200]).clone();
    });
    expect(fallbacks()).to.deep.equal([]);
    tf.tidy(() => {
      const large = tf.ones([200, 100], 'int32');
      large.add(large);
      large.add(large);
      tf.cumsum(tf.ones([200, 100]), 1);
      tf.linspace(0, 1, 30_000); // nothing goes in, much comes out
    });
    expect(fallbacks()).to.deep.equal([
      { kernel: 'Add', calls: 2, elements: 40_000 },
      { kernel: 'LinSpace', calls: 1, elements: 30_000 },
      { kernel: 'Cumsum', calls: 1, elements: 20_000 },
    ]);
    resetFallbacks();
    const { numTensors } = tf.memory();
    expect(await trialFallbacks(), 'a training step').to.deep.equal([]);
    expect(tf.memory().numTensors).to.equal(numTensors);
  });
});
