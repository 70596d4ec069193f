import { type Paper, type Rng, RnnxError } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

export const noisinPaper: Paper = {
  title: 'Noisin: Unbiased Regularization for Recurrent Neural Networks',
  authors: 'Dieng, Ranganath, Altosaar, Blei',
  year: 2018,
  url: 'https://arxiv.org/abs/1805.01500',
  equations: '(4), (5)',
};

/** Schema of a distribution without options. */
export const noOptions = { type: 'object', additionalProperties: false, properties: {} } as const;

/**
 * One uniform number an element through a quantile function, in double precision on the host; float32 tensor.
 *
 * @param quantile of the standardised noise; its argument is never 0 or 1, so neither result is infinite
 */
export function sampleByQuantile(shape: readonly number[], rng: Rng, quantile: (u: number) => number): tf.Tensor {
  const uniforms = rng.doubles(tf.util.sizeFromShape([...shape]));
  const values = new Float32Array(uniforms.length);
  for (let i = 0; i < values.length; i++) values[i] = quantile(uniforms[i]!);
  return tf.tensor(values, [...shape], 'float32');
}

/** A draw for every element by its index, in double precision on the host; float32 tensor. */
export function sampleByElement(shape: readonly number[], draw: (element: number) => number): tf.Tensor {
  const values = new Float32Array(tf.util.sizeFromShape([...shape]));
  for (let i = 0; i < values.length; i++) values[i] = draw(i);
  return tf.tensor(values, [...shape], 'float32');
}

/** Spreads at which a shape that follows the spread is still resolved by 32 random bits and double precision. */
const tiedRange = [1e-3, 1e3] as const;

/**
 * The spread of a family whose shape follows it.
 *
 * Errors: RNNX_SPREAD_INVALID outside 0.001 .. 1000.
 */
export function tiedSpread(name: string, spread: number): number {
  const [least, most] = tiedRange;
  if (spread >= least && spread <= most) return spread;
  throw new RnnxError('RNNX_SPREAD_INVALID', `noise "${name}" cannot take its shape from this spread`, {
    got: String(spread),
    expected: `a number from ${least} to ${most}`,
    remedy: 'give another spread, or fix the shape by the options of the distribution',
  });
}

/**
 * Errors: RNNX_OPTION_CONFLICT where a shape is given although `meanOne` takes it from the spread.
 *
 * @param option name of the shape's option
 */
export function refuseBoth(name: string, option: string, value: number | null, meanOne: boolean): void {
  if (!meanOne || value === null) return;
  throw new RnnxError('RNNX_OPTION_CONFLICT', `noise "${name}": "meanOne" takes "${option}" from the spread`, {
    got: `meanOne = true and ${option} = ${value}`,
    expected: 'one of the two',
    remedy: `leave out "${option}", or leave out "meanOne"`,
  });
}
