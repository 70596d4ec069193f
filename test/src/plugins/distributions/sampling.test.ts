import { createRng, PluginRegistry } from '@rnnx/core';
import byDefault, * as named from '@rnnx/distributions';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { correlationTest, mean, meanTest } from '../../support/statistics.js';
import { references } from './reference.js';

const registry = new PluginRegistry(named.plugins);
const root = createRng(31);

async function take(tensor: tf.Tensor): Promise<Float32Array> {
  const values = Float32Array.from(await tensor.data());
  tensor.dispose();
  return values;
}

describe('the package', () => {
  it('exports each plugin by name, and all as a list and by default', () => {
    expect(named.plugins.map(({ name }) => name)).to.deep.equal([
      'gaussian',
      'logistic',
      'laplace',
      'gamma',
      'bernoulli',
      'gumbel',
      'beta',
      'chi-square',
    ]);
    expect(named.plugins).to.deep.equal([
      named.gaussian,
      named.logistic,
      named.laplace,
      named.gamma,
      named.bernoulli,
      named.gumbel,
      named.beta,
      named.chiSquare,
    ]);
    expect(byDefault).to.equal(named.plugins);
  });
});

describe('sampling', () => {
  for (const { ref } of references) {
    const { name, ...options } = ref;
    const noise = registry.create('noise', ref);
    const draw = (rng: typeof root, shape: number[] = [40_000]) => take(noise.sample(shape, rng, 0.9));

    describe(`${name} ${JSON.stringify(options)}`, () => {
      it('gives the same bits from the same generator, others from another', async () => {
        const first = await draw(root.stream('a'));
        expect(await draw(root.stream('a'))).to.deep.equal(first);
        expect(await draw(root.stream('b'))).to.not.deep.equal(first);
      });

      it('is uncorrelated between streams and between neighbours (false alarm 1e-6 each)', async () => {
        const first = await draw(root.stream('a'));
        expect(correlationTest(first, await draw(root.stream('b'))).passes).to.equal(true);
        expect(correlationTest(first.subarray(1), first.subarray(0, first.length - 1)).passes).to.equal(true);
      });

      it('gives each element numbers of its own: a shorter draw begins a longer one', async () => {
        const long = await draw(root, [7, 9]);
        expect([...(await draw(root, [13]))]).to.deep.equal([...long.subarray(0, 13)]);
        expect([...(await draw(root, []))]).to.deep.equal([long[0]]);
        expect([...(await draw(root, [0, 4]))]).to.deep.equal([]);
      });

      it('makes one tensor and leaves no other behind', () => {
        const before = tf.memory().numTensors;
        const tensor = noise.sample([3, 5], root, 0.9);
        expect(tensor.shape).to.deep.equal([3, 5]);
        expect(tf.memory().numTensors).to.equal(before + 1);
        tensor.dispose();
      });
    });
  }
});

describe('noise by quantile', () => {
  for (const name of ['logistic', 'laplace', 'gumbel'])
    it(`${name}: the distribution function takes each element back to its uniform number`, async () => {
      const { cdf } = references.find(({ ref }) => ref.name === name)!;
      const values = await take(registry.create('noise', name).sample([2_000], root, 1));
      const uniforms = root.doubles(2_000);
      // One rounding to float32 moves e by 2^-24 of itself, and u by less.
      values.forEach((e, i) => {
        expect(cdf!(e, 1)).to.be.closeTo(uniforms[i]!, 2e-7);
      });
    });
});

describe('factors of mean one', () => {
  const spread = 1.2;
  const factors = async (ref: Record<string, unknown> & { name: string }, shape = [100_000]) => {
    const values = await take(registry.create('noise', ref).sample(shape, root, spread));
    return values.map((e) => 1 + spread * e);
  };

  it('bernoulli by default is inverted dropout: 0, or 1/p at rate p = 1/(1+γ²)', async () => {
    const keep = 1 / (1 + spread ** 2);
    const values = await factors({ name: 'bernoulli' });
    for (const value of values)
      if (Math.abs(value) > 1e-6 && Math.abs(value - 1 / keep) > 1e-6) expect.fail(`${value} is neither 0 nor 1/p`);
    const kept = values.map((value) => (value > 0.5 ? 1 : 0));
    expect(meanTest(kept, keep, keep * (1 - keep)).passes).to.equal(true);
  });

  it('bernoulli with a fixed keep probability takes two values at that rate, standardised', async () => {
    const values = await take(
      registry.create('noise', { name: 'bernoulli', keep: 0.8 }).sample([100_000], root, spread),
    );
    expect([...new Set(values)].sort((a, b) => a - b)).to.deep.equal([-2, 0.5]);
    expect(
      meanTest(
        values.map((e) => (e > 0 ? 1 : 0)),
        0.8,
        0.16,
      ).passes,
    ).to.equal(true);
  });

  it('gamma is never negative, of mean one and variance γ² (false alarm 1e-6 each)', async () => {
    const values = await factors({ name: 'gamma', meanOne: true });
    expect(Math.min(...values.subarray(0, 50_000))).to.be.greaterThan(-1e-6);
    expect(meanTest(values, 1, spread ** 2).passes).to.equal(true);
  });

  it('beta lies in 0 .. 1/m, of mean one and variance γ² (false alarm 1e-6 each)', async () => {
    const values = await factors({ name: 'beta', meanOne: true });
    const [least, most] = registry.create('noise', { name: 'beta', meanOne: true }).support(spread);
    // 1/m = 1 + b/a, with γ² = b / (a (a+b+1)) at b = 2.
    const alpha = 2 / (most * spread);
    expect(2 / (alpha * (alpha + 3))).to.be.closeTo(spread ** 2, 1e-12);
    expect(1 + spread * least).to.be.closeTo(0, 1e-12);
    for (const value of values)
      if (!(value > -1e-6 && value < 1 + 2 / alpha + 1e-5)) expect.fail(`${value} is outside 0 .. 1/m`);
    expect(meanTest(values, 1, spread ** 2).passes).to.equal(true);
  });

  it('stay finite at the ends of the range of spreads, and keep their mean (false alarm 1e-6 each)', async () => {
    for (const name of ['gamma', 'beta', 'bernoulli'])
      for (const end of [1e-3, 1e3]) {
        const noise = registry.create('noise', name === 'bernoulli' ? name : { name, meanOne: true });
        const values = await take(noise.sample([100_000], root.stream(name), end));
        expect(Number.isFinite(mean(values)), `${name} at ${end}`).to.equal(true);
        expect(meanTest(values, 0, 1).passes, `${name} at ${end}`).to.equal(true);
      }
  });
});
