import { nativeKernels } from '@rnnx/backend-native';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { runOn } from '../../support/backend.js';
import { onNative } from '../../support/native.js';
import {
  type Case,
  expectAgreement,
  expectClose,
  expectGradientAgreement,
  floats,
  type Input,
  ints,
  shape,
  signedAxisOf,
} from '../backends/agreement.js';
import { binary, kernelCases, onFloats, reductions } from '../backends/kernel-cases.js';

const anyRank = shape(fc.integer({ min: 0, max: 4 }));

/** Elementwise functions on all that float32 can hold near enough to stay in range. */
const unary = (body: (x: tf.Tensor) => tf.Tensor): fc.Arbitrary<Case> =>
  anyRank.chain((of) => floats(of).map((x) => ({ inputs: [x], body: (t) => body(t!) })));

const whole = (body: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): fc.Arbitrary<Case> =>
  shape().chain((of) =>
    fc.tuple(ints(of, 4), ints(of.slice(-1), 4)).map((inputs) => ({ inputs, body: (x, y) => body(x!, y!) })),
  );

const flags = (of: readonly number[]): fc.Arbitrary<Input> =>
  ints(of, 2).map((x) => ({ ...x, dtype: 'bool' as const }));
const onFlags = (body: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): fc.Arbitrary<Case> =>
  shape().chain((of) =>
    fc.tuple(flags(of), flags(of.slice(-1))).map((inputs) => ({ inputs, body: (x, y) => body(x!, y!) })),
  );

/** Both sides rounded, so that some are equal. */
const comparing = (body: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): fc.Arbitrary<Case>[] => [
  binary((a, b) => body(a.round(), b.round())),
  whole(body),
];

const selects: fc.Arbitrary<Case> = shape().chain((of) =>
  fc
    .tuple(flags(of), floats(of), floats(of), ints(of, 9), ints(of, 9))
    .map((inputs) => ({ inputs, body: (mask, a, b, i, j) => [tf.where(mask!, a!, b!), tf.where(mask!, i!, j!)] })),
);

const casts: fc.Arbitrary<Case> = anyRank.chain((of) =>
  fc.tuple(floats(of), ints(of, 5), flags(of)).map((inputs) => ({
    inputs,
    body: (x, i, b) => [
      x!.cast('int32'),
      x!.cast('bool'),
      i!.cast('bool'),
      i!.mul(1).cast('float32'),
      b!.cast('int32'),
    ],
  })),
);

const reverses: fc.Arbitrary<Case> = shape().chain((of) =>
  fc.tuple(floats(of), signedAxisOf(of)).map(([x, axis]) => ({ inputs: [x], body: (t) => tf.reverse(t!, axis) })),
);

const hots: fc.Arbitrary<Case> = ints([5], 6).map((i) => ({
  inputs: [i],
  body: (t) => tf.oneHot(t as tf.Tensor1D, 4, 0.5, -1, 'float32'),
}));

/** Each native kernel that the portable backends' cases leave out. */
const cases: Record<string, readonly fc.Arbitrary<Case>[]> = {
  ...kernelCases,
  Abs: [unary((x) => x.abs())],
  AddN: [binary((a, b) => tf.addN([a.add(b), b.add(a), a.sub(b)]))],
  Cast: [casts],
  Ceil: [unary((x) => x.ceil())],
  ClipByValue: [unary((x) => x.clipByValue(-0.5, 1))],
  Cos: [unary((x) => x.cos())],
  Elu: [unary((x) => x.elu())],
  EluGrad: [unary((x) => tf.grad((t: tf.Tensor) => t.elu().square())(x))],
  Equal: comparing((a, b) => a.equal(b)),
  Exp: [unary((x) => x.exp())],
  Expm1: [unary((x) => x.expm1())],
  Fill: [unary((x) => tf.fill(x.shape, 2.5).add(tf.fill(x.shape, 3, 'int32')))],
  Floor: [unary((x) => x.floor())],
  Greater: comparing((a, b) => a.greater(b)),
  GreaterEqual: comparing((a, b) => a.greaterEqual(b)),
  LeakyRelu: [unary((x) => x.leakyRelu(0.3))],
  Less: comparing((a, b) => a.less(b)),
  LessEqual: comparing((a, b) => a.lessEqual(b)),
  Log: [unary((x) => x.abs().add(0.1).log())],
  Log1p: [unary((x) => x.abs().log1p())],
  LogicalAnd: [onFlags((a, b) => a.logicalAnd(b))],
  LogicalOr: [onFlags((a, b) => a.logicalOr(b))],
  Max: [reductions((x, axes, keep) => x.max(axes, keep))],
  Maximum: [binary((a, b) => a.maximum(b))],
  Min: [reductions((x, axes, keep) => x.min(axes, keep))],
  Minimum: [binary((a, b) => a.minimum(b))],
  Neg: [unary((x) => x.neg())],
  NotEqual: comparing((a, b) => a.notEqual(b)),
  OneHot: [hots],
  OnesLike: [unary((x) => tf.onesLike(x).mul(x))],
  Pow: [binary((a, b) => a.abs().add(0.5).pow(b))],
  Reciprocal: [unary((x) => x.abs().add(0.1).reciprocal())],
  Relu: [unary((x) => x.relu())],
  Relu6: [unary((x) => x.mul(5).relu6())],
  Reverse: [reverses],
  Rsqrt: [unary((x) => x.abs().add(0.1).rsqrt())],
  Select: [selects],
  Sigmoid: [unary((x) => x.mul(3).sigmoid())],
  Sign: [unary((x) => x.sign())],
  Sin: [unary((x) => x.sin())],
  Softplus: [unary((x) => x.mul(9).softplus())],
  Sqrt: [unary((x) => x.abs().add(0.01).sqrt())],
  Square: [unary((x) => x.square())],
  SquaredDifference: [binary((a, b) => a.squaredDifference(b))],
  Step: [unary((x) => x.step(0.2))],
  Tanh: [unary((x) => x.mul(3).tanh())],
  ZerosLike: [unary((x) => tf.zerosLike(x))],
};

/**
 * Kernels whose results do not move with their inputs, or that tfjs has no gradient for; Maximum, Minimum and
 * SquaredDifference it cannot take the gradient of where they broadcast.
 */
const flat: ReadonlySet<string> = new Set([
  'Ceil',
  'EluGrad',
  'Equal',
  'Fill',
  'Floor',
  'Greater',
  'GreaterEqual',
  'Less',
  'LessEqual',
  'LogicalAnd',
  'LogicalOr',
  'Cast',
  'Maximum',
  'Minimum',
  'SquaredDifference',
  'NotEqual',
  'OneHot',
  'Select',
  'Sign',
  'Step',
  'ZerosLike',
]);

describe('kernels of the native backend', () => {
  onNative();

  for (const [name, arbitraries] of Object.entries(cases)) {
    it(`${name} agrees with tfjs's own`, async () => {
      for (const arbitrary of arbitraries) await expectAgreement(arbitrary, ['native'], 30);
    });
    if (!flat.has(name))
      it(`the gradient through ${name} agrees with tfjs's own`, async () => {
        for (const arbitrary of arbitraries) await expectGradientAgreement(arbitrary, 10, ['native']);
      });
  }

  it('has a case for each', () => {
    const portable = ['Identity'];
    expect(Object.keys(cases)).to.have.members([...Object.keys(nativeKernels), ...portable]);
  });

  it('agrees on tensors that are shared out between threads', async () => {
    const waves = (of: number[], phase = 0) => tf.range(0, tf.util.sizeFromShape(of)).add(phase).sin().reshape(of);
    const bodies: Record<string, () => tf.Tensor | tf.Tensor[]> = {
      product: () => [tf.matMul(waves([300, 200]), waves([200, 400])), tf.matMul(waves([3, 90, 70]), waves([70, 80]))],
      broadcasting: () => [waves([300, 400]).add(waves([400])), waves([300, 1]).mul(waves([300, 400], 1))],
      functions: () => [waves([70000]).exp(), waves([70000]).tanh(), waves([70000]).pow(3)],
      comparing: () => [waves([300, 400]).greater(waves([300, 1])), waves([90000]).mul(5).cast('int32')],
      sums: () => [
        waves([300, 400]).sum(0),
        waves([300, 400]).sum(1),
        waves([200000]).add(1).sum(),
        waves([90, 40, 50]).mean([0, 2]),
      ],
      largest: () => [waves([300, 400]).max(0), waves([300, 400]).min(1)],
      softmax: () => tf.softmax(waves([40, 3000])),
      copies: () => [
        tf.transpose(waves([300, 400])),
        tf.transpose(waves([40, 50, 60]), [2, 0, 1]),
        tf.tile(waves([1, 400]), [300, 1]),
        tf.concat([waves([300, 200]), waves([300, 100])], 1),
        tf.reverse(waves([300, 400]), 1),
      ],
      rows: () => [
        tf.gather(waves([500, 300]), tf.range(0, 400, 1, 'int32')),
        tf.unsortedSegmentSum(
          waves([400, 300]),
          tf.range(0, 400, 1, 'int32').mod(tf.scalar(7, 'int32')) as tf.Tensor1D,
          9,
        ),
      ],
    };
    for (const [name, body] of Object.entries(bodies))
      expectClose(await runOn('native', body), await runOn('stock', body), name);
  });

  it('agrees in gradients that training takes', async () => {
    const others: Record<string, (x: tf.Tensor) => tf.Tensor> = {
      logSoftmax: (x) => tf.logSoftmax(x),
      logSumExp: (x) => x.logSumExp(-1),
      where: (x) => tf.where(tf.range(0, x.size).mod(2).greater(0).reshape(x.shape), x.mul(2), x.neg()),
      cumsum: (x) => tf.cumsum(x, 0),
      maximum: (x) => x.maximum(x.neg().add(0.5)),
      minimum: (x) => x.minimum(x.square()),
      squaredDifference: (x) => tf.squaredDifference(x, x.sigmoid()),
      moments: (x) => tf.addN([tf.moments(x, 0).mean, tf.moments(x, 0).variance]),
      used: (x) => tf.addN([x.mul(2), x.tanh(), x.square(), x.sigmoid()]),
    };
    for (const body of Object.values(others)) await expectGradientAgreement(onFloats(body), 5, ['native']);
  });
});
