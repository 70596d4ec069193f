import { stockKernels } from '@rnnx/backends';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { onBackend, useBackend } from '../../support/backend.js';
import {
  axisOf,
  type Case,
  expectAgreement,
  expectGradientAgreement,
  floats,
  ints,
  length,
  shape,
  signedAxisOf,
} from './agreement.js';

const flag = fc.boolean();

/** Random sizes on both sides of the thresholds at which the matrix kernels change their way. */
const matrixSize = fc.oneof(length, fc.integer({ min: 1, max: 40 }));
const products = (outer: fc.Arbitrary<[number[], number[]]>): fc.Arbitrary<Case> =>
  fc.tuple(outer, matrixSize, matrixSize, matrixSize, flag, flag).chain(([[a, b], m, k, n, ta, tb]) =>
    fc.tuple(floats([...a, ...(ta ? [k, m] : [m, k])]), floats([...b, ...(tb ? [n, k] : [k, n])])).map((inputs) => ({
      inputs,
      body: (x, y) => tf.matMul(x!, y!, ta, tb),
    })),
  );
const single = fc.constant<[number[], number[]]>([[], []]);
const stacks = fc.oneof(
  fc.constant<[number[], number[]]>([[3], [3]]),
  fc.constant<[number[], number[]]>([[3], [1]]),
  fc.constant<[number[], number[]]>([[1], [2]]),
  fc.constant<[number[], number[]]>([
    [2, 2],
    [2, 2],
  ]),
);

/** Shapes of two tensors that broadcast together: axes of the second, of either, become 1 or go. */
const broadcastPair = fc
  .tuple(shape(), fc.array(flag, { minLength: 8, maxLength: 8 }), fc.nat(3))
  .map(([full, ones, dropped]) => {
    const a = full.map((size, axis) => (ones[axis] && !ones[axis + 4] ? 1 : size));
    const b = full.map((size, axis) => (ones[axis + 4] ? 1 : size)).slice(Math.min(dropped, full.length));
    return [a, b] as const;
  });
const binary = (body: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): fc.Arbitrary<Case> =>
  broadcastPair.chain(([a, b]) =>
    fc.tuple(floats(a), floats(b)).map((inputs) => ({ inputs, body: (x, y) => body(x!, y!) })),
  );

const onFloats = (body: (x: tf.Tensor, of: number[], pick: number) => tf.Tensor | tf.Tensor[]): fc.Arbitrary<Case> =>
  fc
    .tuple(shape(), fc.nat(1000))
    .chain(
      ([of, pick]) => floats(of).map((x) => ({ inputs: [x], body: (t: tf.Tensor) => body(t, of, pick) })) as never,
    );

const slices: fc.Arbitrary<Case> = shape().chain((of) =>
  fc.tuple(floats(of), fc.tuple(...of.map((size) => fc.tuple(fc.nat(size - 1), fc.nat(size))))).map(([x, cuts]) => ({
    inputs: [x],
    body: (t) =>
      tf.slice(
        t!,
        cuts.map(([begin]) => begin),
        cuts.map(([begin, size], axis) => Math.min(size, of[axis]! - begin)),
      ),
  })),
);

const splits: fc.Arbitrary<Case> = shape().chain((of) =>
  fc.tuple(floats(of), axisOf(of)).chain(([x, axis]) =>
    fc.nat(of[axis]!).map((first) => ({
      inputs: [x],
      body: (t) => tf.split(t!, [first, of[axis]! - first], axis),
    })),
  ),
);

const unstacks: fc.Arbitrary<Case> = shape().chain((of) =>
  fc.tuple(floats(of), signedAxisOf(of)).map(([x, axis]) => ({ inputs: [x], body: (t) => tf.unstack(t!, axis) })),
);

const concats: fc.Arbitrary<Case> = shape().chain((of) =>
  fc
    .tuple(signedAxisOf(of), length, length)
    .chain(([axis, first, third]) =>
      fc
        .tuple(floats(of.with(axis, first)), floats(of), floats(of.with(axis, third)))
        .map((inputs) => ({ inputs, body: (...tensors) => tf.concat(tensors, axis) })),
    ),
);

const packs: fc.Arbitrary<Case> = shape(fc.integer({ min: 1, max: 3 })).chain((of) =>
  fc
    .tuple(floats(of), floats(of), floats(of), fc.integer({ min: -of.length - 1, max: of.length }))
    .map(([a, b, c, axis]) => ({ inputs: [a, b, c], body: (...tensors) => tf.stack(tensors, axis) })),
);

const pads: fc.Arbitrary<Case> = shape().chain((of) =>
  fc
    .tuple(floats(of), fc.tuple(...of.map(() => fc.tuple(fc.nat(3), fc.nat(3)))), fc.constantFrom(0, 0.5))
    .map(([x, paddings, value]) => ({ inputs: [x], body: (t) => tf.pad(t!, paddings, value) })),
);

const transposes: fc.Arbitrary<Case> = shape().chain((of) =>
  fc
    .tuple(
      floats(of),
      fc.shuffledSubarray(
        of.map((_, axis) => axis),
        { minLength: of.length },
      ),
    )
    .map(([x, order]) => ({ inputs: [x], body: (t) => tf.transpose(t!, order) })),
);

const tiles: fc.Arbitrary<Case> = shape().chain((of) =>
  fc
    .tuple(floats(of), fc.tuple(...of.map(() => fc.integer({ min: 1, max: 3 }))))
    .map(([x, reps]) => ({ inputs: [x], body: (t) => tf.tile(t!, reps) })),
);

const gathers: fc.Arbitrary<Case> = fc
  .tuple(shape(), shape(fc.integer({ min: 1, max: 2 })))
  .chain(([of, places]) =>
    axisOf(of).chain((axis) =>
      fc
        .tuple(floats(of), ints(places, of[axis]!))
        .map((inputs) => ({ inputs, body: (x, i) => tf.gather(x!, i as tf.Tensor1D, axis) })),
    ),
  );

const batchGathers: fc.Arbitrary<Case> = fc
  .tuple(length, length, length, length)
  .chain(([batch, rows, width, count]) =>
    fc
      .tuple(floats([batch, rows, width]), ints([batch, count], rows))
      .map((inputs) => ({ inputs, body: (x, i) => tf.gather(x!, i as tf.Tensor2D, 1, 1) })),
  );

/** Rows of segment -1 are left out. */
const segments: fc.Arbitrary<Case> = fc.tuple(shape(), fc.integer({ min: 1, max: 9 })).chain(([of, count]) =>
  fc.tuple(floats(of), ints([of[0]!], count + 1)).map(([x, ids]) => ({
    inputs: [x, { ...ids, values: ids.values.map((id) => id - 1) }],
    body: (t, i) => tf.unsortedSegmentSum(t!, i as tf.Tensor1D, count),
  })),
);

const reductions = (body: (x: tf.Tensor, axes: number[], keep: boolean) => tf.Tensor): fc.Arbitrary<Case> =>
  shape().chain((of) =>
    fc
      .tuple(
        floats(of),
        fc.subarray(
          of.map((_, axis) => axis),
          { minLength: 1 },
        ),
        flag,
      )
      .map(([x, axes, keep]) => ({ inputs: [x], body: (t) => body(t!, axes, keep) })),
  );

const fused: fc.Arbitrary<Case> = fc
  .tuple(matrixSize, matrixSize, matrixSize, flag, flag, flag, fc.constantFrom('linear', 'relu', 'sigmoid'))
  .chain(([m, k, n, transposeA, transposeB, biased, activation]) =>
    fc.tuple(floats(transposeA ? [k, m] : [m, k]), floats(transposeB ? [n, k] : [k, n]), floats([n])).map((inputs) => ({
      inputs: biased ? inputs : inputs.slice(0, 2),
      body: (a, b, bias) =>
        tf.fused.matMul({
          a: a as tf.Tensor2D,
          b: b as tf.Tensor2D,
          transposeA,
          transposeB,
          activation: activation as 'linear',
          ...(biased ? { bias: bias! } : {}),
        }),
    })),
  );

/** Each kernel of ours with the random cases that check it. */
const cases: Record<string, readonly fc.Arbitrary<Case>[]> = {
  Add: [binary((a, b) => a.add(b))],
  BatchMatMul: [products(single), products(stacks)],
  Concat: [concats],
  GatherV2: [gathers, batchGathers],
  Identity: [onFloats((x) => x.clone())],
  Mean: [reductions((x, axes, keep) => x.mean(axes, keep))],
  Multiply: [binary((a, b) => a.mul(b))],
  Pack: [packs],
  PadV2: [pads],
  RealDiv: [binary((a, b) => a.div(b.square().add(0.5)))],
  Slice: [slices],
  Softmax: [onFloats((x) => tf.softmax(x))],
  SplitV: [splits],
  Sub: [binary((a, b) => a.sub(b))],
  Sum: [reductions((x, axes, keep) => x.sum(axes, keep))],
  Tile: [tiles],
  Transpose: [transposes],
  Unpack: [unstacks],
  UnsortedSegmentSum: [segments],
  _FusedMatMul: [fused],
};

describe('kernels of the cpu and wasm backends', () => {
  before(() => useBackend('wasm'));
  after(() => useBackend('cpu'));

  for (const [name, arbitraries] of Object.entries(cases)) {
    it(`${name} agrees with tfjs's own`, async () => {
      for (const arbitrary of arbitraries) await expectAgreement(arbitrary);
    });
    it(`the gradient through ${name} agrees with tfjs's own`, async () => {
      for (const arbitrary of arbitraries) await expectGradientAgreement(arbitrary);
    });
  }

  it('has a case for each kernel that is not as tfjs made it', () => {
    for (const backend of ['cpu', 'wasm']) {
      const stock = new Map(stockKernels(backend).map((kernel) => [kernel.kernelName, kernel.kernelFunc]));
      const replaced = tf
        .getKernelsForBackend(backend)
        .filter((kernel) => kernel.kernelFunc !== stock.get(kernel.kernelName));
      expect(replaced.length).to.be.greaterThan(5);
      expect(Object.keys(cases)).to.include.members(replaced.map((kernel) => kernel.kernelName));
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
