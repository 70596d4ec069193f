import * as tf from '@tensorflow/tfjs';
import type { MapContext, Normalization } from '../contracts/perturbation.js';
import { unstackSteps } from './pieces.js';

type Moment = 'mean' | 'variance';

/**
 * Batch normalisation in plain tensor operations, on any backend; the oracle of fused kernels. What serves every step is
 * made once: construct it where the sequence begins.
 *
 * Source: Ioffe and Szegedy 2015; for each time step apart, Cooijmans et al. 2016, equation 5.
 */
export class Normalizer {
  readonly #normalization: Normalization;
  readonly #cut = new Map<string, readonly tf.Tensor[]>();

  constructor(normalization: Normalization) {
    this.#normalization = normalization;
  }

  /**
   * @param x `[T, B, N]`, or one step `[B, n]` with the columns that it has
   * @returns of the same shape
   */
  apply(x: tf.Tensor, t: number | undefined, columns: MapContext['columns']): tf.Tensor {
    const { gamma, beta, epsilon, statistics } = this.#normalization;
    const [scale, shift] = [gamma, beta].map((value) => value && unitsOf(value, columns));
    const { centred, variance } =
      statistics === undefined ? this.#ofMinibatch(x, t, columns) : this.#ofPopulation(x, t, columns);
    const standard = tf.mul(centred, tf.mul(tf.rsqrt(tf.add(variance, epsilon)), scale!));
    return shift === undefined ? standard : tf.add(standard, shift);
  }

  #ofPopulation(x: tf.Tensor, t: number | undefined, columns: MapContext['columns']) {
    const { mean, variance } = this.#normalization.statistics!;
    const here = (name: Moment, all: tf.Tensor) => unitsOf(t === undefined ? all : this.#step(name, all, t), columns); // [(T,) 1, n]
    return { centred: tf.sub(x, here('mean', mean)), variance: here('variance', variance) };
  }

  #ofMinibatch(x: tf.Tensor, t: number | undefined, columns: MapContext['columns']) {
    const { mask, observe } = this.#normalization;
    const axis = x.rank - 2;
    const average = this.#average(mask, t, axis);
    const mean = average(x); // [(T,) 1, n]
    const centred = tf.sub(x, mean);
    const variance = average(tf.square(centred));
    observe?.(mean, variance, t, columns?.[0] ?? 0);
    return { centred, variance };
  }

  /** The mean over the examples that count; of none, 0. */
  #average(mask: tf.Tensor | undefined, t: number | undefined, axis: number): (x: tf.Tensor) => tf.Tensor {
    if (mask === undefined) return (x) => tf.mean(x, axis, true);
    const weight = tf.expandDims(t === undefined ? mask : this.#step('mask', mask, t), -1); // [(T,) B, 1]
    const count = tf.maximum(tf.sum(weight, axis, true), 1);
    return (x) => tf.div(tf.sum(tf.mul(x, weight), axis, true), count);
  }

  /** Row t of what may be the same for all steps. */
  #step(name: string, all: tf.Tensor, t: number): tf.Tensor {
    const steps = this.#cut.get(name) ?? unstackSteps(all);
    this.#cut.set(name, steps);
    return steps.length === 1 ? steps[0]! : steps[t]!;
  }
}

function unitsOf(value: tf.Tensor, columns: MapContext['columns']): tf.Tensor {
  if (columns === undefined) return value;
  const [first, end] = columns;
  const begin = value.shape.map((_, axis) => (axis === value.rank - 1 ? first : 0));
  return tf.slice(value, begin, [...value.shape.slice(0, -1), end - first]);
}
