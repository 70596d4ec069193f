import { definePlugin, type NoiseDistribution, type OptionsSchema } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { checkNoise, type NoiseClaims } from '../kit/index.js';
import { expectBroken } from './support.js';

interface TriangleOptions {
  readonly flip: boolean;
}

const schema: OptionsSchema<TriangleOptions> = {
  type: 'object',
  additionalProperties: false,
  properties: { flip: { type: 'boolean', default: false, description: 'turn the triangle round' } },
};

const claims: NoiseClaims = {
  valid: [{ options: {} }],
  variations: { flip: [true] },
  invalid: [{ options: { flip: 1 }, code: 'RNNX_CONFIG_INVALID' }],
};

type Create = (options: TriangleOptions) => NoiseDistribution;

function plugin(create: Create) {
  return definePlugin<'noise', TriangleOptions>({
    kind: 'noise',
    name: 'triangle',
    summary: 'A right triangle of noise',
    core: '^0.1.0',
    paper: { title: 'A triangle', authors: 'Kit', year: 2020, equations: '(1)' },
    schema,
    create,
  });
}

/** Density 2x on (0, 1), standardised: mean 2/3, variance 1/18, skewness -2√2/5, excess kurtosis -3/5. */
function sound({ flip }: TriangleOptions): NoiseDistribution {
  const sign = flip ? -1 : 1;
  const standard = (x: number) => sign * (x - 2 / 3) * Math.sqrt(18);
  const ends = [standard(0), standard(1)].sort((a, b) => a - b) as [number, number];
  return {
    spreadDependent: false,
    sample: (shape, rng) => {
      const uniforms = rng.doubles(shape.reduce((product, n) => product * n, 1));
      return tf.tensor(
        Float32Array.from(uniforms, (u) => standard(Math.sqrt(u))),
        [...shape],
      );
    },
    moments: () => ({ skewness: (-sign * 2 * Math.SQRT2) / 5, excessKurtosis: -0.6 }),
    support: () => ends,
  };
}

function changed(change: (noise: NoiseDistribution) => Partial<NoiseDistribution>): Create {
  return (options) => {
    const noise = sound(options);
    return { ...noise, ...change(noise) };
  };
}

const broken: Record<string, { create: Create; expected: Record<string, RegExp> }> = {
  'a mean of 0.05': {
    create: changed(({ sample }) => ({ sample: (...given) => tf.add(sample(...given), 0.05) })),
    expected: { moments: /the mean is 0\.0/, support: /outside/ },
  },
  'a variance of 1.05': {
    create: changed(({ sample }) => ({ sample: (...given) => tf.mul(sample(...given), Math.sqrt(1.05)) })),
    expected: { moments: /the variance is 1\.0/, support: /outside/ },
  },
  'the skewness of its mirror image': {
    create: changed(({ moments }) => ({
      moments: (spread) => ({ ...moments(spread), skewness: -moments(spread).skewness }),
    })),
    expected: { moments: /the skewness is/ },
  },
  'the kurtosis of a normal variable': {
    create: changed(({ moments }) => ({ moments: (spread) => ({ ...moments(spread), excessKurtosis: 0 }) })),
    expected: { moments: /the kurtosis is/ },
  },
  'a support that is too small': {
    create: changed(() => ({ support: () => [-2, 1] })),
    expected: { support: /outside \[-2, 1\]/ },
  },
  'numbers in pairs': {
    create: changed(({ sample }) => ({
      sample: (shape, rng, spread) => {
        const count = shape.reduce((product, n) => product * n, 1);
        const half = sample([Math.ceil(count / 2), 1], rng, spread);
        return tf.tidy(() => tf.reshape(tf.slice(tf.reshape(tf.tile(half, [1, 2]), [-1]), 0, count), [...shape]));
      },
    })),
    expected: { streams: /neighbours are correlated/ },
  },
  'numbers that do not depend on the stream': {
    create: changed(({ sample }) => {
      let first: Parameters<NoiseDistribution['sample']>[1] | undefined;
      return {
        sample: (shape, rng, spread) => {
          first ??= rng;
          return sample(shape, first, spread);
        },
      };
    }),
    expected: { streams: /different streams are correlated/, 'same-seed': /asked again/ },
  },
  'a spread that it should not look at': {
    create: changed(({ sample }) => ({
      sample: (shape, rng, spread) => sample(shape, rng.stream(String(spread)), spread),
    })),
    expected: { spread: /differ between spreads/ },
  },
  'a tensor that it keeps': {
    create: changed(({ sample }) => ({
      sample: (...given) => {
        tf.keep(tf.zeros([1]));
        return sample(...given);
      },
    })),
    expected: { shapes: /leaves 1 tensor behind/ },
  },
  integers: {
    create: changed(({ sample }) => ({ sample: (...given) => tf.tidy(() => tf.cast(sample(...given), 'int32')) })),
    expected: { shapes: /gives int32/, moments: /./ },
  },
};

describe('the contract of noise distributions', () => {
  it('holds for a right distribution', async () => {
    expectBroken(await checkNoise(plugin(sound), claims), {});
  });

  for (const [bug, { create, expected }] of Object.entries(broken))
    it(`catches ${bug}`, async () => {
      expectBroken(await checkNoise(plugin(create), claims), expected);
    });
});
