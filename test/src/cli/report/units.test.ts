import { createRng, type ExperimentConfig } from '@rnnx/core';
import { presets } from '@rnnx/presets';
import { expect } from 'chai';
import fc from 'fast-check';
import { parseDuration } from '../../../../cli/dist/commands/options.js';
import { type Series, thinned, upperEnd } from '../../../../cli/dist/report/chart.js';
import { configHash } from '../../../../cli/dist/report/config-hash.js';
import { numbersIn } from '../../../../cli/dist/report/numbers.js';
import { median } from '../../../../cli/dist/report/run-data.js';
import { renderSvg } from '../../../../cli/dist/report/svg.js';
import { presetsOf } from '../../../../cli/dist/reproduce/rows.js';

const config = {
  name: 'a',
  seeds: [1],
  variants: {},
  dataset: { name: 'ptb', lower: true },
  regularizers: [],
  training: { epochs: 3, reportEvery: 5, checkpointEvery: null, track: [] },
} as unknown as ExperimentConfig;

describe('the hash of a configuration', () => {
  it('is over what decides the result, in any order of keys', () => {
    const hash = configHash(config);
    expect(hash).to.match(/^[0-9a-f]{12}$/);
    const { training } = config;
    const same = { ...config, name: 'b', seeds: [2, 3], dataset: { lower: true, name: 'ptb' } };
    const reported = { ...same, training: { ...training, reportEvery: 9, track: ['spectral-radius'] as const } };
    expect(configHash(reported)).to.equal(hash);
    expect(configHash({ ...config, training: { ...training, epochs: 4 } })).not.to.equal(hash);
    expect(configHash({ ...config, regularizers: [{ name: 'noisin', spread: 1 }] })).not.to.equal(hash);
  });
});

describe('times on the command line', () => {
  it('are read with their units', () => {
    const read = ['90s', '10m', '1.5h', '2h30m', '1d'].map(parseDuration);
    expect(read).to.deep.equal([90, 600, 5400, 9000, 86_400]);
  });

  for (const bad of ['', '2', 'h', '2 h', '0s', '-1h', '1h x', '1w'])
    it(`refuse ${JSON.stringify(bad)}`, () => {
      expect(() => parseDuration(bad)).to.throw('such as 90s');
    });
});

describe('rows of a paper', () => {
  it('are chosen by a part of a name or row, in any case, with any text for a star', () => {
    const names = (pattern?: string) =>
      presetsOf('regularizing-recurrent-networks', pattern, presets).map(({ name }) => name);
    expect(names()).to.have.length(40);
    expect(names('jsb')).to.have.length(10);
    expect(names('plain*muse')).to.deep.equal(['music-muse-data-rnn']);
    expect(names('music-jsb-d')).to.deep.equal(['music-jsb-do', 'music-jsb-dos']);
  });
});

describe('curves', () => {
  const series = (...ys: number[]): Series => ({ name: 'x', colour: 0, points: ys.map((y, i) => [i + 1, y] as const) });

  it('leave out a start that would flatten them, and nothing else', () => {
    expect(upperEnd([series(900, 130, 110, 105, 100)])).to.equal(130);
    expect(upperEnd([series(110, 108, 105, 104, 100)])).to.equal(undefined);
    expect(upperEnd([series(900, 100)])).to.equal(undefined);
  });

  it('are thinned with their ends kept', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), (n) => {
        const points = Array.from({ length: n }, (_, i) => [i, -i] as const);
        const few = thinned(points);
        expect(few.length).to.be.at.most(240).and.at.least(Math.min(n, 240));
        expect([few[0], few.at(-1)]).to.deep.equal([points[0], points.at(-1)]);
      }),
    );
  });

  it('are drawn the same each time, with text that is no markup, whatever the numbers', () => {
    const points = [...createRng(1).uniforms(50)].map((y, x) => [x, y] as const);
    const bad = [
      [1, Number.NaN],
      [2, Number.POSITIVE_INFINITY],
      [3, -1],
    ] as const;
    const chart = {
      kind: 'curves',
      title: '<script>"&',
      x: { name: '<b>' },
      y: { name: 'y', log: true },
      series: [
        { name: 'a', colour: 3, points, spreads: points.map(() => 0.1) },
        { name: 'b', colour: 4, points: bad },
      ],
    } as const;
    const svg = renderSvg(chart, 'id-1');
    renderSvg({ ...chart, title: 'another between' }, 'id-2');
    expect(renderSvg(chart, 'id-1')).to.equal(svg);
    expect(svg).to.match(/^<svg viewBox="0 0 480 300" role="img" aria-label="&lt;script&gt;&quot;&amp;">/);
    expect(svg).not.to.match(/<script|<b>|NaN|Infinity|<style|zr\d/);
  });
});

describe('what runs are searched for', () => {
  it('is the middle of what is finite, and each number by its path', () => {
    expect([median([3, Number.NaN, 1, 2]), median([4, 1]), median([])]).to.deep.equal([2, 1, null]);
    const found = numbersIn([
      { name: 'x', spread: 0.5, inner: { p: 2 } },
      { on: true, list: [7] },
    ]);
    expect(found).to.deep.equal({ '0.spread': 0.5, '0.inner.p': 2, '1.list.0': 7 });
  });
});
