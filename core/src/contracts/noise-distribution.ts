import type { Tensor } from '@tensorflow/tfjs';
import type { Rng } from '../random/rng.js';
import { token } from './token.js';

/** Moments of the standardised noise e; its mean is 0 and its variance 1 by contract. */
export interface NoiseMoments {
  /** E e³. */
  readonly skewness: number;
  /** E e⁴ - 3. */
  readonly excessKurtosis: number;
}

/**
 * A family of standardised noise: e with mean 0 and variance 1. A regularizer multiplies it by the spread γ, the standard
 * deviation, so ε = γ e.
 *
 * Some families tie their shape to the spread (Bernoulli: keep probability 1/(1+γ²)); that is why every member takes it.
 */
export interface NoiseDistribution {
  /** Whether the shape depends on the spread; such a family cannot have a learned spread. */
  readonly spreadDependent: boolean;

  /**
   * Draws standardised noise.
   *
   * @param shape of the result, float32
   * @param rng keyed for this draw; the same rng gives the same bits
   * @param spread γ > 0
   */
  sample(shape: readonly number[], rng: Rng, spread: number): Tensor;

  /** Closed-form moments of e at this spread. */
  moments(spread: number): NoiseMoments;

  /** Smallest and largest possible e at this spread; ±Infinity where unbounded. */
  support(spread: number): readonly [number, number];
}

export const NoiseDistribution = token<NoiseDistribution>('NoiseDistribution');
