import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { onBackend } from '../../support/backend.js';

describe('gradients that tfjs gets wrong', () => {
  onBackend('cpu');

  /** Gradients in all float inputs of the body's outputs, each weighted by the same tensor. */
  const gradients = async (inputs: tf.Tensor[], body: (...x: tf.Tensor[]) => tf.Tensor) => {
    const results = tf.tidy(() => tf.grads((...x) => body(...x).sum())(inputs));
    const values = await Promise.all(results.map((each) => each.array()));
    tf.dispose([...inputs, ...results]);
    return values;
  };

  it('unstacks and splits into a single tensor', async () => {
    const x = () => tf.tensor2d([[1, 2, 3]]);
    const weight = tf.tensor1d([2, 3, 4]);
    expect(await gradients([x()], (t) => tf.unstack(t)[0]!.mul(weight))).to.deep.equal([[[2, 3, 4]]]);
    expect(await gradients([x()], (t) => tf.split(t, 1, 1)[0]!.mul(weight))).to.deep.equal([[[2, 3, 4]]]);
    weight.dispose();
  });

  it('sums cumulatively along the first axis', async () => {
    const weight = tf.tensor2d([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    const got = await gradients([tf.ones([3, 2])], (t) => tf.cumsum(t, 0).mul(weight));
    expect(got).to.deep.equal([
      [
        [9, 12],
        [8, 10],
        [5, 6],
      ],
    ]);
    weight.dispose();
  });

  it('multiplies matrices, however either is stored', async () => {
    // Whole numbers and a loss that is linear in each element: differences are exact.
    for (const transposeA of [false, true])
      for (const transposeB of [false, true]) {
        const a = tf.tensor([1, 2, -3, 0, 5, 2], transposeA ? [3, 2] : [2, 3]);
        const b = tf.tensor([2, -1, 0, 3, 1, 1, 4, -2, 5, 0, 2, 3], transposeB ? [4, 3] : [3, 4]);
        const weight = tf.range(1, 9).reshape([2, 4]);
        const loss = (x: tf.Tensor, y: tf.Tensor) => tf.matMul(x, y, transposeA, transposeB).mul(weight).sum();
        const slope = async (x: tf.Tensor, at: number, of: (moved: tf.Tensor) => tf.Tensor) => {
          const change = tf.tidy(() => {
            const moved = x.add(tf.oneHot(tf.scalar(at, 'int32'), x.size).reshape(x.shape));
            return of(moved).sub(of(x));
          });
          const [value] = await change.data();
          change.dispose();
          return value!;
        };
        const slopes = async (x: tf.Tensor, of: (moved: tf.Tensor) => tf.Tensor) => {
          const values: number[] = [];
          for (let at = 0; at < x.size; at++) values.push(await slope(x, at, of));
          return values;
        };
        const expected = [await slopes(a, (x) => loss(x, b)), await slopes(b, (y) => loss(a, y))];
        const got = await gradients([a, b], (x, y) => tf.matMul(x!, y!, transposeA, transposeB).mul(weight));
        expect(got.map((each) => (each as number[][]).flat())).to.deep.equal(expected);
        weight.dispose();
      }
  });

  it('multiplies one matrix with a stack, however either is stored', async () => {
    for (const transposeA of [false, true])
      for (const transposeB of [false, true]) {
        const make = () => [
          tf.linspace(-1, 1, 6).reshape(transposeA ? [3, 2] : [2, 3]),
          tf.linspace(0, 3, 24).reshape(transposeB ? [2, 4, 3] : [2, 3, 4]),
        ];
        const weight = tf.range(1, 17).reshape([2, 2, 4]);
        const product = (a: tf.Tensor, b: tf.Tensor) => tf.matMul(a, b, transposeA, transposeB).mul(weight);
        const [da, db] = await gradients(make(), (a, b) => product(a!.expandDims(0), b!));
        // The same with the matrix repeated by hand, which needs no broadcasting.
        const [wantA, wantB] = await gradients(make(), (a, b) => product(tf.stack([a!, a!]), b!));
        expect(da).to.deep.equal(wantA);
        expect(db).to.deep.equal(wantB);
        weight.dispose();
      }
  });
});
