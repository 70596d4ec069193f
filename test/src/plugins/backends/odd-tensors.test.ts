import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { onBackend } from '../../support/backend.js';

describe('kernels on odd tensors', () => {
  for (const name of ['cpu', 'wasm'] as const)
    describe(name, () => {
      onBackend(name);

      it('takes a float32 tensor whose array holds whole numbers', async () => {
        const results = tf.tidy(() => {
          const x = tf.tensor([1, 2, 3, 4], [2, 2], 'int32').cast('float32');
          const y = tf.tensor([true, false, true, true], [2, 2], 'bool').cast('float32');
          return [x.matMul(y), x.add(y), x.sum(0), tf.softmax(y), x.div(2), tf.concat([x, y]), tf.gather(x, [1])];
        });
        const values = await Promise.all(results.map(async (tensor) => Array.from(await tensor.data())));
        tf.dispose(results);
        const high = Math.fround(1 / (1 + Math.exp(-1)));
        expect(values.toSpliced(3, 1)).to.deep.equal([
          [3, 2, 7, 4],
          [2, 2, 4, 5],
          [4, 6],
          [0.5, 1, 1.5, 2],
          [1, 2, 3, 4, 1, 0, 1, 1],
          [3, 4],
        ]);
        expect(values[3]![0]).to.be.closeTo(high, 1e-6);
        expect(values[3]!.slice(2)).to.deep.equal([0.5, 0.5]);
      });

      it('broadcasts single axes of two stacks of matrices', async () => {
        const [got, expected] = tf.tidy(() => {
          const a = tf.linspace(-1, 2, 12).reshape([2, 1, 2, 3]);
          const b = tf.linspace(3, -2, 36).reshape([3, 3, 4]);
          const pairs = tf.unstack(a.reshape([2, 2, 3])).map((x) => tf.stack(tf.unstack(b).map((y) => x.matMul(y))));
          return [tf.matMul(a, b), tf.stack(pairs)];
        });
        expect(got!.shape).to.deep.equal([2, 3, 2, 4]);
        const want = await expected!.data();
        for (const [i, value] of (await got!.data()).entries()) expect(value).to.be.closeTo(want[i]!, 1e-5);
        tf.dispose([got!, expected!]);
      });

      it('keeps integers whole and the type of what it copies', async () => {
        const [parts, sums, ids] = tf.tidy(() => {
          const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2], 'int32');
          return [x.slice([1, 0], [2, 1]), tf.unsortedSegmentSum(x, tf.tensor1d([1, 1, 0], 'int32'), 2), x.add(x)];
        });
        for (const tensor of [parts!, ids!]) expect(tensor.dtype).to.equal('int32');
        expect(Array.from(await parts!.data())).to.deep.equal([3, 5]);
        expect(Array.from(await sums!.data())).to.deep.equal([5, 6, 4, 6]);
        expect(Array.from(await ids!.data())).to.deep.equal([2, 4, 6, 8, 10, 12]);
        tf.dispose([parts!, sums!, ids!]);
      });

      it('takes tensors without elements', async () => {
        const results = tf.tidy(() => {
          const none = tf.zeros([0, 3]);
          const empty = tf.zeros([2, 0]);
          return [
            none.matMul(tf.ones([3, 2])),
            empty.matMul(tf.zeros([0, 3])),
            none.add(1),
            none.sum(0),
            tf.concat([none, tf.ones([1, 3])]),
            tf.unsortedSegmentSum(none, tf.tensor1d([], 'int32'), 2),
          ];
        });
        expect(results.map((tensor) => tensor.shape)).to.deep.equal([[0, 2], [2, 3], [0, 3], [3], [1, 3], [2, 3]]);
        for (const i of [1, 3, 5])
          expect(Array.from(await results[i]!.data()).every((value) => value === 0)).to.equal(true);
        tf.dispose(results);
      });

      it('refuses an index out of range and inner sizes that differ', () => {
        const before = tf.memory().numTensors;
        expect(() => tf.tidy(() => tf.gather(tf.ones([3, 2]), tf.tensor1d([3], 'int32')))).to.throw(/index value 3/);
        expect(() => tf.tidy(() => tf.ones([3, 2]).matMul(tf.ones([3, 2])))).to.throw(/inner shapes/);
        expect(tf.memory().numTensors).to.equal(before);
      });

      it('says NaN where the input does', async () => {
        const result = tf.tidy(() =>
          tf.softmax(
            tf.tensor2d([
              [Number.NaN, 1],
              [1, 1],
            ]),
          ),
        );
        expect(Array.from(await result.data())).to.deep.equal([Number.NaN, Number.NaN, 0.5, 0.5]);
        result.dispose();
      });
    });
});
