import { RnnxError } from '@rnnx/core';
import { expect } from 'chai';
import { checkMemory, explainAllocation } from '../../../cli/dist/memory.js';
import { failureOf } from './helpers.js';

describe('memory', () => {
  it('holds a model of 8 bytes a parameter and no larger one', async () => {
    checkMemory(1e6, 8e6);
    const error = await failureOf(() => checkMemory(1e6 + 1, 8e6));
    expect(error.code).to.equal('RNNX_OUT_OF_MEMORY');
    expect(error.details.got).to.include('8.00MB');
  });

  it('that ran out is told from other errors', () => {
    let cause: unknown;
    try {
      new Float32Array(2 ** 40);
    } catch (error) {
      cause = error;
    }
    const explained = explainAllocation(cause) as RnnxError;
    expect(explained.code).to.equal('RNNX_OUT_OF_MEMORY');
    expect(explained.cause).to.equal(cause);
    for (const other of [
      new TypeError('x is not a function'),
      new RnnxError('RNNX_NONFINITE', 'out of memory'),
      'text',
    ])
      expect(explainAllocation(other)).to.equal(other);
  });
});
