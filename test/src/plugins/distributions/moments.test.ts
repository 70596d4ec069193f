import { createRng, type NoiseDistribution, PluginRegistry } from '@rnnx/core';
import { plugins } from '@rnnx/distributions';
import { expect } from 'chai';
import { kolmogorovSmirnovTest, mean, moment, type TestResult, zTest } from '../../support/statistics.js';
import { type Reference, references } from './reference.js';

/**
 * Each test below has a false-alarm rate of 1e-6 where the mean of 250,000 powers is normal. The third and fourth powers of
 * the most skewed noises (chi-square of one degree) are not quite: their rate is some 1e-4. The standard errors are
 * exact, from theory's moments up to the eighth.
 */
const n = 250_000;
const spreads = [0.5, 1, 1.37];
const registry = new PluginRegistry(plugins);

async function draw(noise: NoiseDistribution, name: string, spread: number): Promise<Float32Array> {
  const tensor = noise.sample([n / 1_000, 1_000], createRng(1_805).stream(name), spread);
  expect(tensor.shape).to.deep.equal([n / 1_000, 1_000]);
  expect(tensor.dtype).to.equal('float32');
  const values = Float32Array.from(await tensor.data());
  tensor.dispose();
  return values;
}

/** The sample's moments about 0 of orders 1 to 4 against theory, and the whole distribution. */
function examine(values: Float32Array, reference: Reference, spread: number): Record<string, TestResult> {
  const theory = reference.moments(spread);
  const about = (order: number) => {
    const error = Math.sqrt((theory[2 * order]! - theory[order]! ** 2) / values.length);
    // Two-point noise at p = 1/2 has no error in its even powers but that of rounding.
    return zTest(moment(values, order, 0), theory[order]!, Math.max(error, 1e-7));
  };
  const { cdf } = reference;
  return {
    mean: about(1),
    variance: about(2),
    skewness: about(3),
    kurtosis: about(4),
    ...(cdf && { distribution: kolmogorovSmirnovTest(values, (x) => cdf(x, spread)) }),
  };
}

function failures(results: Record<string, TestResult>): string[] {
  return Object.entries(results).flatMap(([name, { passes, statistic, limit }]) =>
    passes ? [] : [`${name}: ${statistic} > ${limit}`],
  );
}

function title({ ref }: Reference): string {
  const { name, ...options } = ref;
  return Object.keys(options).length === 0 ? name : `${name} ${JSON.stringify(options)}`;
}

describe('standardised noise', () => {
  for (const reference of references) {
    const noise = registry.create('noise', reference.ref);
    const name = title(reference);
    const fixed = !noise.spreadDependent;

    describe(name, () => {
      it('states the moments that theory gives', () => {
        for (const spread of [0.1, ...spreads, 3]) {
          const [, first, second, third, fourth] = reference.moments(spread) as [
            number,
            number,
            number,
            number,
            number,
          ];
          expect(first).to.be.closeTo(0, 1e-9);
          expect(second).to.be.closeTo(1, 1e-9);
          const { skewness, excessKurtosis } = noise.moments(spread);
          expect(skewness).to.be.closeTo(third, 1e-8 * (1 + Math.abs(third)));
          expect(excessKurtosis).to.be.closeTo(fourth - 3, 1e-8 * (1 + fourth));
        }
      });

      for (const spread of fixed ? spreads.slice(0, 1) : spreads)
        it(`draws them and the right distribution${fixed ? '' : `, spread ${spread}`}`, async () => {
          const values = await draw(noise, name, spread);
          expect(failures(examine(values, reference, spread))).to.deep.equal([]);
          const [least, most] = noise.support(spread).map(Math.fround) as [number, number];
          for (const value of values)
            if (!(value >= least && value <= most && Number.isFinite(value)))
              expect.fail(`${value} is outside ${least} .. ${most}`);
        });

      it(fixed ? 'draws the same at every spread' : 'changes its shape with the spread', async () => {
        const samples = spreads.map((spread) => noise.sample([1_000], createRng(7), spread));
        const [first, ...others] = await Promise.all(samples.map((sample) => sample.data()));
        for (const sample of samples) sample.dispose();
        for (const other of others) expect(other.every((value, i) => value === first![i])).to.equal(fixed);
      });
    });
  }

  it('covers every distribution of the package', () => {
    expect(new Set(references.map(({ ref }) => ref.name))).to.deep.equal(new Set(plugins.map(({ name }) => name)));
  });
});

describe('the examination of noise', () => {
  const gaussian = references.find(({ ref }) => ref.name === 'gaussian')!;
  const gumbel = references.find(({ ref }) => ref.name === 'gumbel')!;
  const sample = (name: string) => draw(registry.create('noise', name), name, 1);
  const found = (values: Float32Array, reference: Reference) =>
    failures(examine(values, reference, 1)).map((failure) => failure.split(':')[0]);

  it('finds a biased sampler', async () => {
    const values = await sample('gaussian');
    expect(
      found(
        values.map((e) => e + 0.015),
        gaussian,
      ),
    ).to.include('mean');
  });

  it('finds the native scale where the spread belongs', async () => {
    const values = await sample('gumbel');
    const native = values.map((e) => (e * Math.PI) / Math.sqrt(6));
    expect(found(native, gumbel)).to.include.members(['variance', 'distribution']);
  });

  it('finds a mirrored sampler, whose mean and variance are right', async () => {
    const values = await sample('gumbel');
    const mirrored = values.map((e) => -e);
    expect(Math.abs(mean(mirrored))).to.be.lessThan(0.01);
    expect(found(mirrored, gumbel)).to.deep.equal(['skewness', 'distribution']);
  });

  it('finds another distribution with the same first three moments', async () => {
    expect(found(await sample('logistic'), gaussian)).to.deep.equal(['kurtosis', 'distribution']);
  });

  it('finds clipped tails', async () => {
    const values = await sample('gaussian');
    expect(
      found(
        values.map((e) => Math.max(-3, Math.min(3, e))),
        gaussian,
      ),
    ).to.include('kurtosis');
  });
});
