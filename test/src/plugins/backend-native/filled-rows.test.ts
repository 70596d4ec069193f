import { findAddon, nativeBackend } from '@rnnx/backend-native';
import { createOptimizer, createRng, type OptimizerConfig, updateWeights, type Weights } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { onNative } from '../../support/native.js';

const configs: readonly OptimizerConfig[] = [
  { name: 'sgd', learningRate: 0.3 },
  { name: 'momentum', learningRate: 0.05, momentum: 0.9, nesterov: false },
  { name: 'adam', learningRate: 0.05, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  { name: 'rmsprop', learningRate: 0.01, decay: 0.9, momentum: 0.9, epsilon: 1e-8, initial: 1 },
  { name: 'asgd', learningRate: 0.1, nonMonotone: 0 },
];

/** Tables of which a minibatch reads few rows: repeated, the first and the last, and none at all. */
const tables = fc
  .record({ segments: fc.integer({ min: 8, max: 900 }), width: fc.integer({ min: 1, max: 170 }), seed: fc.nat() })
  .chain(({ segments, ...rest }) =>
    fc.record({
      segments: fc.constant(segments),
      width: fc.constant(rest.width),
      seed: fc.constant(rest.seed),
      places: fc.array(fc.oneof(fc.integer({ min: -2, max: segments + 1 }), fc.constantFrom(0, segments - 1)), {
        maxLength: Math.floor(segments / 8),
      }),
    }),
  );

type Table = typeof tables extends fc.Arbitrary<infer T> ? T : never;

function gradientOf({ segments, width, places, seed }: Table, step: number): tf.Tensor {
  const rows = createRng(seed).stream(`gradient-${step}`).normal([places.length, width]);
  return tf.tidy(() => tf.unsortedSegmentSum(rows, tf.tensor1d(places, 'int32'), segments));
}

function known(tensor: tf.Tensor) {
  return nativeBackend()!.filledRows(tensor);
}

async function bitsOf(tensors: Weights): Promise<Record<string, number[]>> {
  const bits: Record<string, number[]> = {};
  for (const [name, tensor] of Object.entries(tensors))
    bits[name] = [...new Int32Array((await tensor.data<'float32'>()).slice().buffer)];
  return bits;
}

/** Three updates; `dense` forgets which rows are zero. */
async function updates(config: OptimizerConfig, at: Table, clipNorm: number | null, dense: boolean) {
  const optimizer = createOptimizer(config);
  let weights: Weights = { table: createRng(at.seed).stream('table').normal([at.segments, at.width]) };
  let slots: Weights = optimizer.initialSlots(weights);
  const norms: number[] = [];
  for (let step = 1; step <= 3; step++) {
    const sum = gradientOf(at, step);
    const gradient = dense ? tf.tensor((await sum.data()).slice(), sum.shape) : sum.clone();
    expect(known(gradient) === undefined).to.equal(dense);
    const result = { nll: tf.scalar(1), loss: tf.scalar(1), gradients: { table: gradient } };
    const context = { learningRate: config.learningRate, step };
    const updated = await updateWeights({ optimizer, weights, slots, result, clipNorm, context, where: 'here' });
    tf.dispose([result, sum]);
    ({ weights, slots } = updated);
    norms.push(updated.gradientNorm);
  }
  const bits = await bitsOf({ ...weights, ...slots });
  tf.dispose([weights, slots]);
  return { bits, norms };
}

describe('gradients of tables of which few rows were read', () => {
  onNative();

  it('are sums of rows, also in memory that others of their kind have used', () =>
    fc.assert(
      fc.asyncProperty(tables, async (at) => {
        for (const step of [1, 2]) {
          const sum = gradientOf(at, step);
          const values = await createRng(at.seed)
            .stream(`gradient-${step}`)
            .normal([at.places.length, at.width])
            .data();
          const expected = new Float32Array(at.segments * at.width);
          for (const [i, place] of at.places.entries())
            if (place >= 0 && place < at.segments)
              for (let j = 0; j < at.width; j++)
                expected[place * at.width + j] = Math.fround(
                  expected[place * at.width + j]! + values[i * at.width + j]!,
                );
          expect(new Float32Array(await sum.data())).to.deep.equal(expected);
          const rows = [...new Set(at.places.filter((place) => place >= 0 && place < at.segments))].sort(
            (a, b) => a - b,
          );
          expect(Array.from(known(sum)!.rows)).to.deep.equal(rows);
          sum.dispose();
        }
      }),
      { numRuns: 40 },
    ));

  for (const config of configs)
    it(`update tables by ${config.name} with the bits that the whole gradient gives, at any number of threads`, async () => {
      const found = findAddon();
      if ('reason' in found) throw new Error(found.reason);
      const before = found.addon.threadCount();
      try {
        await fc.assert(
          fc.asyncProperty(tables, fc.constantFrom(null, 0.5), async (at, clipNorm) => {
            found.addon.setThreadCount(1);
            const dense = await updates(config, at, clipNorm, true);
            for (const threads of [1, 2, 4]) {
              found.addon.setThreadCount(threads);
              expect(await updates(config, at, clipNorm, false), `${threads} threads`).to.deep.equal(dense);
            }
          }),
          { numRuns: 12 },
        );
      } finally {
        found.addon.setThreadCount(before);
      }
    });

  it('are read like any other tensor, and not changed in place', async () => {
    const at = { segments: 400, width: 30, places: [7, 3, 7], seed: 5 };
    const sum = gradientOf(at, 1);
    expect(nativeBackend()!.exclusive(sum)).to.equal(false);
    const doubled = tf.mul(sum, 2);
    expect(known(doubled)).to.equal(undefined);
    const [one, two] = [await sum.data(), await doubled.data()];
    expect(Array.from(two)).to.deep.equal(Array.from(one, (x) => 2 * x));
    const again = tf.reshape(sum, [200, 60]);
    expect(Array.from(await again.data())).to.deep.equal(Array.from(one));
    tf.dispose([sum, doubled, again]);
  });

  it('leave no trace in memory that a slice outlives', async () => {
    const at = { segments: 2000, width: 40, places: [0, 100, 1999], seed: 6 };
    const sum = gradientOf(at, 1);
    const slice = tf.slice(sum, [0, 0], [1900, 40]);
    const values = Array.from(await slice.data());
    sum.dispose();
    const other = gradientOf({ ...at, places: [5] }, 1);
    expect(Array.from(await slice.data()), 'the slice').to.deep.equal(values);
    expect((await other.data()).filter((x) => x !== 0).length).to.equal(40);
    tf.dispose([slice, other]);
    const third = gradientOf({ ...at, places: [8] }, 2);
    expect((await third.data()).filter((x) => x !== 0).length).to.equal(40);
    third.dispose();
  });

  it('are plain where many rows were read', () => {
    const at = { segments: 100, width: 30, places: Array.from({ length: 13 }, (_, i) => i), seed: 7 };
    const sum = gradientOf(at, 1);
    expect(known(sum)).to.equal(undefined);
    sum.dispose();
  });

  it('stop an update that a touched row makes infinite', async () => {
    const at = { segments: 400, width: 30, places: [9], seed: 8 };
    const weights = { table: createRng(1).normal([at.segments, at.width]) };
    const result = { nll: tf.scalar(1), loss: tf.scalar(1), gradients: { table: gradientOf(at, 1) } };
    const context = { learningRate: 1e39, step: 1 };
    const optimizer = createOptimizer({ name: 'sgd', learningRate: 1 });
    let code: unknown;
    try {
      await updateWeights({ optimizer, weights, slots: {}, result, clipNorm: null, context, where: 'here' });
    } catch (error) {
      code = (error as { code?: unknown }).code;
    }
    expect(code).to.equal('RNNX_NONFINITE');
    tf.dispose([weights, result]);
  });
});
