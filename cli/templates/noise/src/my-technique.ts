import { definePlugin, type NoiseDistribution } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

export interface Options {
  readonly terms: number;
}

/**
 * Uniform noise, or the mean of several uniform numbers, scaled to mean 0 and variance 1:
 *
 *     e = √(12/n) (u_1 + ... + u_n - n/2)        u_i ~ U(0, 1)
 *
 * One term is uniform on ±√3; more come close to normal, yet stay bounded by ±√(3n). A regularizer multiplies e by its
 * spread γ, the standard deviation. Skewness 0, excess kurtosis -6/(5n).
 *
 * Errors: RNNX_CONFIG_INVALID for terms that are no whole number from 1 to 100.
 *
 * Source: Dieng et al. 2018, equations (4), (5), which hold for any noise of mean 0; this one is not in the paper.
 */
export default definePlugin<'noise', Options>({
  kind: 'noise',
  name: 'my-technique',
  summary: 'Uniform noise, or a sum of uniform numbers: bounded and symmetric',
  core: '^0.1.0',
  paper: {
    title: 'Noisin: Unbiased Regularization for Recurrent Neural Networks',
    authors: 'Dieng, Ranganath, Altosaar, Blei',
    year: 2018,
    url: 'https://arxiv.org/abs/1805.01500',
    equations: '(4), (5)',
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      terms: {
        type: 'integer',
        minimum: 1,
        maximum: 100,
        default: 1,
        description: 'n, uniform numbers that are added up; 1 is uniform, 12 nearly normal',
      },
    },
  },
  create: ({ terms }): NoiseDistribution => ({
    spreadDependent: false,
    sample(shape, rng) {
      const values = new Float32Array(tf.util.sizeFromShape([...shape]));
      // In double precision on the host, so that every backend gets the same bits.
      const uniforms = rng.doubles(values.length * terms);
      for (let i = 0; i < values.length; i++) {
        let sum = -terms / 2;
        for (let term = 0; term < terms; term++) sum += uniforms[i * terms + term] ?? 0;
        values[i] = Math.sqrt(12 / terms) * sum;
      }
      return tf.tensor(values, [...shape], 'float32');
    },
    moments: () => ({ skewness: 0, excessKurtosis: -6 / (5 * terms) }),
    support: () => [-Math.sqrt(3 * terms), Math.sqrt(3 * terms)],
  }),
});
