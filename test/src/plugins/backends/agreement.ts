import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { type BackendName, type Result, runOn } from '../../support/backend.js';

/** A tensor as data, to be made anew on each backend. */
export interface Input {
  readonly shape: number[];
  readonly values: number[];
  readonly dtype: 'float32' | 'int32' | 'bool';
}

export type Body = (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[];

/** One random case: its inputs and what to do with them. */
export interface Case {
  readonly inputs: readonly Input[];
  readonly body: Body;
}

export const length = fc.integer({ min: 1, max: 7 });
export const shape = (rank: fc.Arbitrary<number> | number = fc.integer({ min: 1, max: 4 })): fc.Arbitrary<number[]> =>
  (typeof rank === 'number' ? fc.constant(rank) : rank).chain((n) => fc.array(length, { minLength: n, maxLength: n }));

export function floats(of: readonly number[]): fc.Arbitrary<Input> {
  const size = of.reduce((product, each) => product * each, 1);
  const value = fc.double({ min: -2, max: 2, noNaN: true }).map(Math.fround);
  return fc
    .array(value, { minLength: size, maxLength: size })
    .map((values) => ({ shape: [...of], values, dtype: 'float32' as const }));
}

/** Whole numbers from 0 to `bound` - 1. */
export function ints(of: readonly number[], bound: number): fc.Arbitrary<Input> {
  const size = of.reduce((product, each) => product * each, 1);
  return fc
    .array(fc.integer({ min: 0, max: bound - 1 }), { minLength: size, maxLength: size })
    .map((values) => ({ shape: [...of], values, dtype: 'int32' as const }));
}

export const axisOf = (of: readonly number[]): fc.Arbitrary<number> => fc.integer({ min: 0, max: of.length - 1 });

/** The axis as callers may give it: counted from the front or from the back. */
export const signedAxisOf = (of: readonly number[]): fc.Arbitrary<number> =>
  fc.integer({ min: -of.length, max: of.length - 1 });

const make = ({ values, shape, dtype }: Input) => tf.tensor(values, shape, dtype);

/** Each backend agrees with tfjs's own cpu kernels, and repeats its own bits. */
export async function expectAgreement(
  cases: fc.Arbitrary<Case>,
  backends: readonly BackendName[] = ['cpu', 'wasm'],
  numRuns = 15,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(cases, async ({ inputs, body }) => {
      const run = () => body(...inputs.map(make));
      const expected = await runOn('stock', run);
      for (const name of backends) {
        const got = await runOn(name, run);
        expectClose(got, expected, name);
        expect(await runOn(name, run), `${name} again`).to.deep.equal(got);
      }
    }),
    { numRuns, seed: 20 },
  );
}

/** Gradients of a weighted sum of the outputs with respect to every float input agree with tfjs's cpu kernels. */
export async function expectGradientAgreement(
  cases: fc.Arbitrary<Case>,
  numRuns = 10,
  backends: readonly BackendName[] = ['cpu', 'wasm'],
): Promise<void> {
  const asGradient = cases.map(({ inputs, body }) => ({
    inputs,
    body: (...tensors: tf.Tensor[]) => {
      const trained = tensors.filter((tensor) => tensor.dtype === 'float32');
      const loss = (...variables: tf.Tensor[]) => {
        let next = 0;
        const outputs = [body(...tensors.map((tensor) => (tensor.dtype === 'float32' ? variables[next++]! : tensor)))];
        const weighted = outputs
          .flat()
          .map((output) => output.mul(tf.range(1, output.size + 1).reshape(output.shape)).sum());
        return tf.addN(weighted).asScalar();
      };
      return tf.grads(loss)(trained);
    },
  }));
  await expectAgreement(asGradient, backends, numRuns);
}

export function expectClose(got: readonly Result[], expected: readonly Result[], what: string, tolerance = 1e-5): void {
  expect(got.length, `${what}: outputs`).to.equal(expected.length);
  for (const [i, want] of expected.entries()) {
    const have = got[i]!;
    expect(have.shape, `${what}: shape`).to.deep.equal(want.shape);
    expect(have.dtype, `${what}: dtype`).to.equal(want.dtype);
    expect(have.values.length, `${what}: size`).to.equal(want.values.length);
    const scale = want.values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-3);
    for (const [j, value] of want.values.entries()) {
      const error = Math.abs(have.values[j]! - value) / scale;
      if (!(error <= tolerance)) expect.fail(`${what}: element ${j} is ${have.values[j]}, not ${value}`);
    }
  }
}
