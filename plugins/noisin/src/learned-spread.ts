import { type NoiseDistribution, type PluginRef, type Regularizer, RnnxError, type Weights } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

/** γ_l = lowerBound + softplus(ρ_l), a scalar (ICLR 2018 submission, section 1.6). */
export function learnedSpread(parameters: Weights, layer: number, lowerBound: number): tf.Tensor {
  return tf.add(tf.softplus(parameters[`rho-${layer}`]!), lowerBound);
}

/** One ρ a layer, starting where the spread is as given; reported as the spread. */
export function spreadParameters(
  spread: number,
  lowerBound: number,
): Required<Pick<Regularizer, 'parameters' | 'report'>> {
  return {
    parameters: (model) =>
      model.layers.map((_, layer) => ({
        name: `rho-${layer}`,
        shape: [],
        init: { name: 'constant', value: inverseSoftplus(spread - lowerBound) },
      })),
    report: (parameters) =>
      Object.fromEntries(
        Object.keys(parameters).map(
          (_, layer) => [`spread-${layer}`, learnedSpread(parameters, layer, lowerBound)] as const,
        ),
      ),
  };
}

/** ρ with log(1 + exp ρ) = x > 0. */
function inverseSoftplus(x: number): number {
  return x + Math.log(-Math.expm1(-x));
}

/** Errors: RNNX_OPTION_CONFLICT where the family's shape follows the spread, or the start is not above the bound. */
export function checkLearned(
  ref: PluginRef,
  distribution: NoiseDistribution,
  spread: number,
  lowerBound: number,
): void {
  const name = typeof ref === 'string' ? ref : ref.name;
  if (distribution.spreadDependent)
    throw new RnnxError(
      'RNNX_OPTION_CONFLICT',
      `The shape of "${name}" noise depends on the spread, so it cannot be learned`,
      {
        got: `"learned": true with ${JSON.stringify(ref)}`,
        expected: 'a distribution of fixed shape',
        remedy: 'fix its shape (bernoulli: "keep"), choose another distribution, or set "learned" to false',
      },
    );
  if (spread <= lowerBound)
    throw new RnnxError('RNNX_OPTION_CONFLICT', 'A learned spread must start above its lower bound', {
      got: `a standard deviation of ${spread}, lower bound ${lowerBound}`,
      expected: 'spread > lowerBound',
      remedy: 'raise "spread" or lower "lowerBound"',
    });
}
