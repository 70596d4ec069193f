import { createRng, type SequenceModel, spectralRadius, trackWeights } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { failureOf } from '../../cli/helpers.js';
import { onBackend } from '../../support/backend.js';

/** Only what is tracked. */
const modelOf = (...names: string[]) =>
  ({
    shape: { layers: [{ recurrentWeights: names.map((name) => ({ name, shape: [] })) }] },
  }) as unknown as SequenceModel;

describe('tracking of weights', () => {
  onBackend('cpu');
  const track = async (values: number[][], ...names: string[]) => {
    const weight = tf.tensor2d(values);
    try {
      return await trackWeights(['spectral-radius'], modelOf(...names), { 'layer-0/recurrent': weight });
    } finally {
      weight.dispose();
    }
  };

  it('gives the largest modulus of the eigenvalues, complex ones included', async () => {
    const triangular = await track(
      [
        [0.5, 7, 1],
        [0, -0.9, 3],
        [0, 0, 0.1],
      ],
      'recurrent',
    ); // prettier-ignore
    expect(triangular['spectral-radius/layer-0/recurrent']).to.be.closeTo(0.9, 1e-6);
    const [c, s] = [1.1 * Math.cos(0.7), 1.1 * Math.sin(0.7)];
    const rotation = await track(
      [
        [c, -s],
        [s, c],
      ],
      'recurrent',
    ); // eigenvalues 1.1 exp(±0.7i)
    expect(rotation).to.have.keys('spectral-radius/layer-0/recurrent');
    expect(rotation['spectral-radius/layer-0/recurrent']).to.be.closeTo(1.1, 1e-6);
  });

  it('takes gates one by one', async () => {
    const gates = await track(
      [
        [2, 0, 0, 1],
        [0, 3, -1, 0],
      ],
      'recurrent',
    );
    expect(gates['spectral-radius/layer-0/recurrent/0']).to.be.closeTo(3, 1e-6);
    expect(gates['spectral-radius/layer-0/recurrent/1']).to.be.closeTo(1, 1e-6);
  });

  it('agrees with the QR algorithm in double precision, whatever the matrix', async () => {
    const size = 40;
    const rng = createRng(5);
    const full = rng.stream('full').normals(size * size);
    const matrices = {
      full,
      // Far from normal: the powers grow by orders of magnitude before they decay.
      triangular: full.map((x, i) =>
        i % size < Math.floor(i / size) ? 0 : i % size > Math.floor(i / size) ? x : x / 4,
      ),
      symmetric: full.map((x, i) => x + full[(i % size) * size + Math.floor(i / size)]!),
      large: full.map((x) => x * 1e15),
      small: full.map((x) => x * 1e-15),
    };
    for (const [name, values] of Object.entries(matrices)) {
      const exact = spectralRadius(size, (i, j) => values[i * size + j]!);
      const rows = Array.from({ length: size }, (_, i) => [...values.subarray(i * size, (i + 1) * size)]);
      const { 'spectral-radius/layer-0/recurrent': tracked } = await track(rows, 'recurrent');
      expect(tracked! / exact, name).to.be.closeTo(1, 2e-5);
    }
  });

  it('gives 0 where some power is zero, and leaves no tensor behind', async () => {
    const before = tf.memory().numTensors;
    const nilpotent = await track(
      [
        [0, 5, 7],
        [0, 0, 3],
        [0, 0, 0],
      ],
      'recurrent',
    );
    expect(nilpotent['spectral-radius/layer-0/recurrent']).to.equal(0);
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('refuses a model without a recurrent matrix, and does nothing unasked', async () => {
    const error = await failureOf(() =>
      track(
        [
          [1, 2, 3],
          [1, 2, 3],
        ],
        'recurrent',
      ),
    );
    expect(error.code).to.equal('RNNX_OPTION_CONFLICT');
    expect(await trackWeights([], modelOf('recurrent'), {})).to.deep.equal({});
  });
});
