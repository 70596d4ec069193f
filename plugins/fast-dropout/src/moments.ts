import type { Moments } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

export type Activation = 'tanh' | 'sigmoid' | 'relu';

const alpha = 4 - 2 * Math.SQRT2;
const beta = -Math.log(Math.SQRT2 - 1);

/**
 * Mean and variance of φ(a) for a ~ N(m, v) in closed form. Sigmoid and tanh: Wang and Manning 2013, equations 8-10 (means
 * within 0.005; the variance is overestimated for small v and clamped at 0). Relu: exact.
 */
export function closedForm(activation: Activation, mean: tf.Tensor, variance: tf.Tensor): Moments {
  switch (activation) {
    case 'sigmoid':
      return sigmoidMoments(mean, variance);
    case 'tanh': {
      // tanh(a) = 2 σ(2a) - 1
      const inner = sigmoidMoments(tf.mul(mean, 2), tf.mul(variance, 4));
      return { mean: tf.sub(tf.mul(inner.mean, 2), 1), variance: tf.mul(inner.variance, 4) };
    }
    case 'relu':
      return reluMoments(mean, variance);
  }
}

function sigmoidMoments(mean: tf.Tensor, variance: tf.Tensor): Moments {
  // E σ ≈ σ(m / √(1 + π v / 8)),  E σ² ≈ σ(α (m - β) / √(1 + π α² v / 8))
  const first = tf.sigmoid(tf.div(mean, tf.sqrt(tf.add(tf.mul(variance, Math.PI / 8), 1))));
  const spread = tf.sqrt(tf.add(tf.mul(variance, (Math.PI * alpha * alpha) / 8), 1));
  const second = tf.sigmoid(tf.div(tf.mul(tf.sub(mean, beta), alpha), spread));
  return { mean: first, variance: tf.relu(tf.sub(second, tf.square(first))) };
}

/** The variance below which √v, whose slope is infinite at 0, is replaced. */
const tiny = 1e-12;

function reluMoments(mean: tf.Tensor, variance: tf.Tensor): Moments {
  // With s = √v, z = m/s: E = m Φ(z) + s φ(z),  E² = (m² + v) Φ(z) + m s φ(z)
  const s = tf.sqrt(tf.maximum(variance, tiny));
  const z = tf.div(mean, s);
  const density = tf.mul(tf.exp(tf.mul(tf.square(z), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  const below = tf.mul(tf.add(tf.erf(tf.mul(z, Math.SQRT1_2)), 1), 0.5);
  const first = tf.add(tf.mul(mean, below), tf.mul(s, density));
  const second = tf.add(tf.mul(tf.add(tf.square(mean), variance), below), tf.mul(tf.mul(mean, s), density));
  return { mean: first, variance: tf.relu(tf.sub(second, tf.square(first))) };
}

/**
 * The same moments by Gauss-Hermite quadrature, E f(a) = Σ_i w_i f(m + √v x_i): exact for polynomials up to degree
 * 2·nodes - 1, and φ itself where v = 0.
 */
export function quadrature(
  activation: Activation,
  mean: tf.Tensor,
  variance: tf.Tensor,
  rule: readonly { readonly node: number; readonly weight: number }[],
): Moments {
  const f = { tanh: tf.tanh, sigmoid: tf.sigmoid, relu: tf.relu }[activation];
  const s = tf.sqrt(tf.maximum(variance, tiny));
  const values = tf.stack(rule.map(({ node }) => f(tf.add(mean, tf.mul(s, node))))); // [nodes, ..]
  const weights = tf.reshape(tf.tensor1d(rule.map(({ weight }) => weight)), [-1, ...mean.shape.map(() => 1)]);
  const first = tf.sum(tf.mul(values, weights), 0);
  // Centred, so that the variance cannot round below zero.
  return { mean: first, variance: tf.sum(tf.mul(tf.square(tf.sub(values, first)), weights), 0) };
}

/** Nodes and weights for the standard normal density, from the roots of the Hermite polynomial He_n. */
export function gaussHermite(count: number): { readonly node: number; readonly weight: number }[] {
  const he = (n: number, x: number): [value: number, before: number] => {
    let [before, value] = [0, 1];
    // Normalised: h_k = He_k / √(k!) stays in range.
    for (let k = 0; k < n; k++) [before, value] = [value, (x * value - Math.sqrt(k) * before) / Math.sqrt(k + 1)];
    return [value, before];
  };
  const nodes = roots((x) => he(count, x)[0], count);
  return nodes.map((node) => {
    const [, before] = he(count, node);
    return { node, weight: 1 / (count * before * before) };
  });
}

/** All roots of He_count, which lie within ±2√count, by sign changes and bisection. */
function roots(f: (x: number) => number, count: number): number[] {
  const bound = 2 * Math.sqrt(count) + 1;
  const cells = 4000;
  const found: number[] = [];
  for (let i = 0; i < cells; i++) {
    let low = -bound + (2 * bound * (i + 0.123)) / cells;
    let high = low + (2 * bound) / cells;
    if (f(low) > 0 === f(high) > 0) continue;
    for (let step = 0; step < 80; step++) {
      const middle = (low + high) / 2;
      if (f(low) > 0 === f(middle) > 0) low = middle;
      else high = middle;
    }
    found.push((low + high) / 2);
  }
  return found;
}
