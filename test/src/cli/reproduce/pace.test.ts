import { expect } from 'chai';
import { Pace } from '../../../../cli/dist/reproduce/pace.js';

/** A clock that is moved by hand. */
function clocked() {
  let time = 1000;
  return {
    pace: new Pace(() => time),
    pass(seconds: number) {
      time += seconds;
    },
  };
}
const jobs = (...expected: (number | null)[]) => expected.map((seconds, i) => ({ id: String(i), expected: seconds }));

describe('the time that rows still take', () => {
  it('is that of the estimates at first, over the processes', () => {
    const { pace, pass } = clocked();
    expect(pace.total()).to.equal(undefined);
    pace.plan(jobs(100, 60, 40, 20), 2);
    expect(pace.total()).to.equal(110);
    pace.started('0');
    pass(5); // loading is not in the estimate
    expect(pace.left('0')).to.equal(100);
    pace.progressed('0', 0);
    pass(10);
    expect(pace.elapsed('0')).to.equal(15);
    expect(pace.left('0')).to.equal(90);
    expect(pace.left('1'), 'not begun').to.equal(undefined);
    expect(pace.total()).to.equal((90 + 120) / 2);
    pass(95);
    expect(pace.left('0'), 'beyond its estimate').to.equal(undefined);
    expect(pace.total()).to.equal(60);
  });

  it('follows the rate of a row, passes between its reports, and corrects what waits', () => {
    const { pace, pass } = clocked();
    pace.plan(jobs(100, 50), 1);
    pace.started('0');
    pass(20); // loading
    pace.progressed('0', 0);
    pass(30);
    pace.progressed('0', 0.1);
    expect(pace.left('0')).to.be.closeTo(270, 1e-9);
    pass(5);
    expect(pace.left('0')).to.be.closeTo(265, 1e-9);
    expect(pace.total(), 'three times the estimate').to.be.closeTo(265 + 150, 1e-9);
    pass(1000);
    expect(pace.left('0'), 'never below nothing').to.equal(0);
  });

  it('counts a resumed row from where it goes on, and forgets how fast it was long ago', () => {
    const { pace, pass } = clocked();
    pace.plan(jobs(100), 1);
    pace.started('0');
    pace.progressed('0', 0.5);
    pass(10);
    pace.progressed('0', 0.6);
    expect(pace.left('0')).to.be.closeTo(40, 1e-9);
    for (let i = 1; i <= 3; i++) {
      pass(100);
      pace.progressed('0', 0.6 + 0.01 * i);
    }
    expect(pace.left('0')).to.be.closeTo(0.37 / 0.0001, 1);
    const before = pace.left('0');
    pace.progressed('0', 0.3); // a checkpoint behind the last report
    expect(pace.left('0')).to.equal(before);
  });

  it('learns from rows that have ended, but not from those that failed', () => {
    const { pace, pass } = clocked();
    pace.plan(jobs(100, 100, 200), 1);
    pace.started('0');
    pass(1);
    pace.ended('0', false);
    expect(pace.total()).to.equal(300);
    pace.started('1');
    pass(20); // stopped early
    pace.ended('1', true);
    expect(pace.total()).to.be.closeTo(40, 1e-9);
    pace.ended('2', true);
    expect(pace.total()).to.equal(undefined);
  });

  it('is cut at the limit of a row, and unknown without an estimate until there is a rate', () => {
    const { pace, pass } = clocked();
    pace.plan(jobs(1000, 1000, null), 3, 60);
    expect(pace.total()).to.equal(60);
    pace.started('0');
    pass(50);
    expect(pace.left('0')).to.equal(10);
    pace.started('2');
    expect(pace.left('2')).to.equal(undefined);
    pace.progressed('2', 0);
    pass(2);
    pace.progressed('2', 0.1);
    expect(pace.left('2')).to.be.closeTo(18, 1e-9);
  });
});
