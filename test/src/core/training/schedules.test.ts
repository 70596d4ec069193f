import { scheduledRate } from '@rnnx/core';
import { expect } from 'chai';

const epochs = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

describe('schedules', () => {
  it('constant keeps the rate', () => {
    expect(epochs(3).map((e) => scheduledRate({ name: 'constant' }, 0.7, e, [3, 4]))).to.deep.equal([0.7, 0.7, 0.7]);
  });

  it('zaremba decays from the epoch after `after` on', () => {
    const rates = epochs(7).map((e) => scheduledRate({ name: 'zaremba', after: 4, factor: 0.5 }, 1, e, []));
    expect(rates).to.deep.equal([1, 1, 1, 1, 0.5, 0.25, 0.125]);
  });

  it('plateau decays once for each epoch that is not the best so far, ties included', () => {
    const history = [100, 90, 95, 90, 80, 85];
    const rates = epochs(7).map((e) => scheduledRate({ name: 'plateau', factor: 0.5 }, 8, e, history.slice(0, e - 1)));
    expect(rates).to.deep.equal([8, 8, 8, 4, 2, 2, 1]);
  });
});
