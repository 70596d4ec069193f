import { expect } from 'chai';
import { matches } from '../../../../cli/dist/config/pattern.js';

describe('matches', () => {
  it('finds a text anywhere in a name', () => {
    expect(matches('jsb', 'music-jsb-rnn')).to.equal(true);
    expect(matches('JSB', 'music-jsb-rnn')).to.equal(true);
    expect(matches('muse', 'music-jsb-rnn')).to.equal(false);
  });

  it('takes * for anything, and then the whole name', () => {
    expect(matches('music-*-rnn', 'music-jsb-rnn')).to.equal(true);
    expect(matches('music-*', 'my-music-jsb')).to.equal(false);
    expect(matches('*-d*', 'music-jsb-dos')).to.equal(true);
    expect(matches('music-*-do', 'music-jsb-dos')).to.equal(false);
  });

  it('takes all else literally', () => {
    expect(matches('m.sic', 'music')).to.equal(false);
    expect(matches('a.*[', 'a.b[')).to.equal(true);
    expect(matches('(*)', '()')).to.equal(true);
    expect(matches('.*', 'music')).to.equal(false);
  });
});
