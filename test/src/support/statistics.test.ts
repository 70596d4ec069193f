import { createRng } from '@rnnx/core';
import { expect } from 'chai';
import { betaCdf, gammaCdf, logGamma, normalCdf } from './special-functions.js';
import {
  chiSquareTest,
  correlationTest,
  excessKurtosis,
  kolmogorovSmirnovTest,
  mean,
  meanTest,
  skewness,
  variance,
  zTest,
} from './statistics.js';

const n = 200_000;
const normals = (name: string) => createRng(4).stream(name).normals(n);

describe('special functions of the tests', () => {
  it('have known values', () => {
    expect(logGamma(0.5)).to.be.closeTo(Math.log(Math.PI) / 2, 1e-13);
    expect(logGamma(11)).to.be.closeTo(Math.log(3_628_800), 1e-12);
    expect(gammaCdf(1, 0.3)).to.be.closeTo(1 - Math.exp(-0.3), 1e-14);
    expect(gammaCdf(2, 5)).to.be.closeTo(1 - 6 * Math.exp(-5), 1e-14);
    // Φ(1.959963984540054) = 0.975
    expect(normalCdf(1.959963984540054)).to.be.closeTo(0.975, 1e-13);
    expect(normalCdf(-1.959963984540054)).to.be.closeTo(0.025, 1e-13);
    expect(betaCdf(2, 2, 0.3)).to.be.closeTo(3 * 0.3 ** 2 - 2 * 0.3 ** 3, 1e-14);
    // The arcsine distribution.
    expect(betaCdf(0.5, 0.5, 0.9)).to.be.closeTo((2 / Math.PI) * Math.asin(Math.sqrt(0.9)), 1e-12);
    expect(betaCdf(1, 3, 0.9)).to.be.closeTo(1 - 0.1 ** 3, 1e-14);
  });
});

describe('statistics of the tests', () => {
  it('agree with values worked out by hand', () => {
    const values = [1, 2, 3, 6];
    expect(mean(values)).to.equal(3);
    expect(variance(values)).to.equal(3.5);
    expect(skewness(values)).to.be.closeTo(4.5 / 3.5 ** 1.5, 1e-12);
    expect(excessKurtosis(values)).to.be.closeTo(24.5 / 3.5 ** 2 - 3, 1e-12);
    expect(zTest(1, 0, 1, 0.05).limit).to.be.closeTo(1.959964, 1e-6);
    // Upper 5 % point of chi-square with 3 degrees of freedom.
    expect(chiSquareTest([1, 1, 1, 1], [1, 1, 1, 1], 0.05).limit).to.be.closeTo(7.814728, 1e-5);
  });

  it('pass a right sampler', () => {
    expect(meanTest(normals('a'), 0, 1).passes).to.equal(true);
    expect(kolmogorovSmirnovTest(normals('a'), normalCdf).passes).to.equal(true);
    expect(correlationTest(normals('a'), normals('b')).passes).to.equal(true);
  });

  it('find a mean off by 0.02', () => {
    expect(
      meanTest(
        normals('a').map((x) => x + 0.02),
        0,
        1,
      ).passes,
    ).to.equal(false);
  });

  it('find a standard deviation off by 3 % in the distribution', () => {
    expect(
      kolmogorovSmirnovTest(
        normals('a').map((x) => x * 1.03),
        normalCdf,
      ).passes,
    ).to.equal(false);
  });

  it('find a variance off by 2 %', () => {
    const squares = normals('a').map((x) => (x * 1.01) ** 2);
    expect(meanTest(squares, 1, 2).passes).to.equal(false);
  });

  it('find the wrong shape at the right mean and variance', () => {
    const scale = Math.sqrt(3) / Math.PI;
    const logistic = (x: number) => 1 / (1 + Math.exp(-x / scale));
    expect(kolmogorovSmirnovTest(normals('a'), logistic).passes).to.equal(false);
  });

  it('find two samples that share a tenth of their variance', () => {
    const other = normals('b');
    const mixed = normals('a').map((x, i) => Math.sqrt(0.99) * x + 0.1 * other[i]!);
    expect(correlationTest(mixed, other).passes).to.equal(false);
  });

  it('find a loaded die', () => {
    const expected = new Array(6).fill(10_000);
    expect(chiSquareTest([10_050, 9_950, 10_100, 9_900, 10_000, 10_000], expected).passes).to.equal(true);
    expect(chiSquareTest([10_500, 9_500, 10_300, 9_700, 10_000, 10_000], expected).passes).to.equal(false);
  });
});
