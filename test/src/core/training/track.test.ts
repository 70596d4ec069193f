import { type SequenceModel, trackWeights } from '@rnnx/core';
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
