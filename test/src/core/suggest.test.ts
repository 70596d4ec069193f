import { didYouMean, nearest } from '@rnnx/core';
import { expect } from 'chai';

describe('suggestions', () => {
  const names = ['gaussian', 'gamma', 'gumbel', 'noisin-ptb-small'];

  it('name what is a slip away', () => {
    expect(nearest('gausian', names)).to.equal('gaussian');
    expect(nearest('gama', names)).to.equal('gamma');
    expect(nearest('noisin-ptb-smal', names)).to.equal('noisin-ptb-small');
    expect(didYouMean('gumble', names)).to.equal(' Did you mean "gumbel"?');
  });

  it('say nothing where nothing is near', () => {
    expect(nearest('bernoulli', names)).to.equal(undefined);
    expect(didYouMean('xyz', names)).to.equal('');
    expect(nearest('gamma', [])).to.equal(undefined);
  });

  it('allow more slips in longer names', () => {
    expect(nearest('noisen-pbt-smal', names)).to.equal('noisin-ptb-small');
    expect(nearest('gm', ['abc'])).to.equal(undefined);
  });
});
