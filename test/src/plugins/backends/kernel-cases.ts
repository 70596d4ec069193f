import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { axisOf, type Case, floats, ints, length, shape, signedAxisOf } from './agreement.js';

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
export const binary = (body: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): fc.Arbitrary<Case> =>
  broadcastPair.chain(([a, b]) =>
    fc.tuple(floats(a), floats(b)).map((inputs) => ({ inputs, body: (x, y) => body(x!, y!) })),
  );

export const onFloats = (
  body: (x: tf.Tensor, of: number[], pick: number) => tf.Tensor | tf.Tensor[],
): fc.Arbitrary<Case> =>
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

export const reductions = (body: (x: tf.Tensor, axes: number[], keep: boolean) => tf.Tensor): fc.Arbitrary<Case> =>
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

/** Kernels of tfjs with the random cases that check a replacement. */
export const kernelCases: Record<string, readonly fc.Arbitrary<Case>[]> = {
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
