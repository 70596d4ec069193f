import { createRng, type InitializerSpec, initialize, initializeParameter, spectralRadius } from '@rnnx/core';
import { expect } from 'chai';
import { refusal } from '../../support/errors.js';
import { averageOf, excessKurtosis, falseAlarm, meanTest } from '../../support/statistics.js';

const rng = createRng(6);
const start = (spec: InitializerSpec, shape: readonly number[], blocks = 1) => initialize(spec, shape, blocks, rng);

/** Entry (i, j) of gate block `block` of a `[rows, columns]` matrix. */
const blockEntry = (values: Float32Array, columns: number, width: number, block: number) => (i: number, j: number) =>
  values[i * columns + block * width + j]!;

/** The growth of ‖A^k v‖^(1/k): the spectral radius, without an eigenvalue. */
function growth(size: number, entry: (i: number, j: number) => number, steps = 4000): number {
  let v = Array.from({ length: size }, (_, i) => 1 + i / size);
  let logarithm = 0;
  for (let k = 0; k < steps; k++) {
    const next = v.map((_, i) => v.reduce((sum, x, j) => sum + entry(i, j) * x, 0));
    const norm = Math.hypot(...next);
    // The first steps forget the start.
    if (k >= steps / 2) logarithm += Math.log(norm);
    v = next.map((x) => x / norm);
  }
  return Math.exp(logarithm / (steps / 2));
}

describe('initialisers', () => {
  it('zeros and constant', () => {
    expect([...start({ name: 'zeros' }, [2, 3])]).to.deep.equal([0, 0, 0, 0, 0, 0]);
    expect([...start({ name: 'constant', value: 1.5 }, [3])]).to.deep.equal([1.5, 1.5, 1.5]);
    expect([...start({ name: 'constant', value: 2 }, [])]).to.deep.equal([2]);
  });

  it(`uniform: inside its range, with the mean and variance of it; false-alarm rate ${falseAlarm}`, () => {
    const values = start({ name: 'uniform', scale: 0.05 }, [300, 300]);
    for (const value of values) expect(Math.abs(value)).to.be.below(Math.fround(0.05));
    const variance = 0.05 ** 2 / 3;
    const mean = meanTest(values, 0, variance);
    expect(mean.statistic).to.be.at.most(mean.limit);
    // Var x² of a uniform: s⁴ (1/5 - 1/9).
    const squares = meanTest(
      Float64Array.from(values, (x) => x * x),
      variance,
      0.05 ** 4 * (1 / 5 - 1 / 9),
    );
    expect(squares.statistic).to.be.at.most(squares.limit);
    expect(Math.max(...values)).to.be.above(0.0499);
    expect(Math.min(...values)).to.be.below(-0.0499);
  });

  it(`normal: mean, variance and kurtosis; false-alarm rate ${falseAlarm}`, () => {
    const values = start({ name: 'normal', std: 0.3 }, [400, 300]);
    const mean = meanTest(values, 0, 0.09);
    expect(mean.statistic).to.be.at.most(mean.limit);
    const squares = meanTest(
      Float64Array.from(values, (x) => x * x),
      0.09,
      2 * 0.09 ** 2,
    );
    expect(squares.statistic).to.be.at.most(squares.limit);
    // The standard error of a normal sample's kurtosis is √(24/n), 0.014 here.
    expect(Math.abs(excessKurtosis(values))).to.be.below(5 * Math.sqrt(24 / values.length));
  });

  for (const [rows, columns] of [
    [7, 7],
    [9, 4],
    [4, 9],
    [5, 20],
    [1, 3],
  ] as const)
    it(`orthogonal [${rows}, ${columns}]: the shorter side is orthonormal times the gain`, () => {
      const gain = 1.7;
      const values = start({ name: 'orthogonal', gain }, [rows, columns]);
      const vectors = Array.from({ length: Math.min(rows, columns) }, (_, k) =>
        Array.from({ length: Math.max(rows, columns) }, (_, i) =>
          rows >= columns ? values[i * columns + k]! : values[k * columns + i]!,
        ),
      );
      for (const [a, left] of vectors.entries())
        for (const [b, right] of vectors.entries()) {
          const product = left.reduce((sum, x, i) => sum + x * right[i]!, 0);
          expect(product).to.be.closeTo(a === b ? gain ** 2 : 0, 1e-5);
        }
    });

  it(`orthogonal is uniform over rotations: the trace of 2 by 2 has mean 0; false-alarm rate ${falseAlarm}`, () => {
    const traces = Float64Array.from({ length: 2000 }, (_, i) => {
      const q = initialize({ name: 'orthogonal', gain: 1 }, [2, 2], 1, rng.stream(`draw-${i}`));
      return q[0]! + q[3]!;
    });
    // Half are rotations with trace 2 cos θ, half reflections with trace 0: the variance is 1. Without the choice of signs
    // the first diagonal entry would never be positive, or never negative.
    const { statistic, limit } = meanTest(traces, 0, 1);
    expect(statistic).to.be.at.most(limit);
    const squares = averageOf(traces, (x) => x * x);
    expect(squares).to.be.closeTo(1, 0.2);
  });

  it('identity: scale times I in each gate block, cut where a block is not square', () => {
    expect([...start({ name: 'identity', scale: 2 }, [2, 4], 2)]).to.deep.equal([2, 0, 2, 0, 0, 2, 0, 2]);
    expect([...start({ name: 'identity', scale: 1 }, [3, 2])]).to.deep.equal([1, 0, 0, 1, 0, 0]);
  });

  it('sparse: exactly so many weights into each unit, of the standard deviation asked for', () => {
    const [size, connections] = [60, 15];
    const values = start({ name: 'sparse', connections, std: 0.2, spectralRadius: null }, [size, 4 * size], 4);
    for (let j = 0; j < 4 * size; j++) {
      const column = Array.from({ length: size }, (_, i) => values[i * 4 * size + j]!);
      expect(column.filter((x) => x !== 0)).to.have.length(connections);
    }
    const kept = values.filter((x) => x !== 0);
    const { statistic, limit } = meanTest(
      Float64Array.from(kept, (x) => x * x),
      0.04,
      2 * 0.04 ** 2,
    );
    expect(statistic).to.be.at.most(limit);
    const connected = Array.from({ length: size }, (_, i) =>
      values.subarray(i * 240, (i + 1) * 240).some((x) => x !== 0),
    );
    expect(connected.every(Boolean), 'every unit goes somewhere').to.equal(true);
  });

  it('sparse: more connections than units leaves the matrix full', () => {
    const values = start({ name: 'sparse', connections: 15, std: 1, spectralRadius: null }, [4, 4]);
    expect(values.every((x) => x !== 0)).to.equal(true);
  });

  for (const radius of [0.9, 1.2])
    it(`sparse: each gate block reaches spectral radius ${radius}, seen in the growth of its powers`, () => {
      const size = 20;
      const spec = { name: 'sparse', connections: 8, std: 1, spectralRadius: radius } as const;
      const values = start(spec, [size, 2 * size], 2);
      for (const block of [0, 1])
        expect(growth(size, blockEntry(values, 2 * size, size, block))).to.be.closeTo(radius, 0.01 * radius);
    });

  it('the spectral radius of known matrices', () => {
    const of = (rows: readonly (readonly number[])[]) => spectralRadius(rows.length, (i, j) => rows[i]![j]!);
    expect(of([[-3]])).to.be.closeTo(3, 1e-12);
    // A rotation by 90 degrees times 2: eigenvalues ±2i.
    expect(
      of([
        [0, -2],
        [2, 0],
      ]),
    ).to.be.closeTo(2, 1e-12);
    expect(
      of([
        [0.5, 100],
        [0, -0.7],
      ]),
    ).to.be.closeTo(0.7, 1e-12);
    // A symmetric matrix and one with the same upper half that is not.
    expect(
      of([
        [2, 1],
        [1, 2],
      ]),
    ).to.be.closeTo(3, 1e-12);
    expect(
      of([
        [0, 1, 0],
        [0, 0, 1],
        [8, 0, 0],
      ]),
    ).to.be.closeTo(2, 1e-12);
  });

  it('one seed gives the same bits, another seed others', () => {
    const specs: readonly InitializerSpec[] = [
      { name: 'uniform', scale: 1 },
      { name: 'normal', std: 1 },
      { name: 'orthogonal', gain: 1 },
      { name: 'sparse', connections: 3, std: 1, spectralRadius: null },
    ];
    for (const spec of specs) {
      const first = initialize(spec, [6, 6], 1, createRng(1));
      expect(initialize(spec, [6, 6], 1, createRng(1)), spec.name).to.deep.equal(first);
      expect(initialize(spec, [6, 6], 1, createRng(2)), spec.name).to.not.deep.equal(first);
    }
  });

  it("a parameter's own start wins over the model's", () => {
    const fallback: InitializerSpec = { name: 'constant', value: 7 };
    expect([...initializeParameter({ name: 'a', shape: [2] }, fallback, rng)]).to.deep.equal([7, 7]);
    const own = { name: 'a', shape: [2], init: { name: 'zeros' } } as const;
    expect([...initializeParameter(own, fallback, rng)]).to.deep.equal([0, 0]);
  });

  it('a gate block may start otherwise, in a bias and in a matrix', () => {
    const fallback: InitializerSpec = { name: 'zeros' };
    const blockInit = { 1: { name: 'constant', value: 1 } } as const;
    const bias = initializeParameter({ name: 'b', shape: [6], blocks: 3, blockInit }, fallback, rng);
    expect([...bias]).to.deep.equal([0, 0, 1, 1, 0, 0]);
    const matrix = initializeParameter({ name: 'w', shape: [2, 4], blocks: 2, blockInit }, fallback, rng);
    expect([...matrix]).to.deep.equal([0, 0, 1, 1, 0, 0, 1, 1]);
  });

  it('what does not suit the shape is refused', () => {
    const orthogonal = { name: 'orthogonal', gain: 1 } as const;
    const identity = { name: 'identity', scale: 1 } as const;
    const sparse = { name: 'sparse', connections: 2, std: 1, spectralRadius: 0.9 } as const;
    expect(refusal('RNNX_SHAPE_MISMATCH', () => start(orthogonal, [4])).message).to.include('[4]');
    refusal('RNNX_SHAPE_MISMATCH', () => start(identity, [4]));
    refusal('RNNX_SHAPE_MISMATCH', () => start(identity, [2, 2, 2]));
    refusal('RNNX_SHAPE_MISMATCH', () => start({ ...sparse, spectralRadius: null }, [4]));
    expect(refusal('RNNX_SHAPE_MISMATCH', () => start(sparse, [3, 4])).message).to.include('square');
    const nilpotent = () => initialize({ ...sparse, connections: 0 }, [3, 3], 1, rng);
    expect(refusal('RNNX_OPTION_CONFLICT', nilpotent).message).to.include('connections');
  });
});
