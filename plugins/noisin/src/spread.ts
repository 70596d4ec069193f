import { RnnxError } from '@rnnx/core';

export type SpreadReading = 'standard-deviation' | 'variance' | 'keep-probability';

/**
 * Standard deviation of ε from a tabulated γ. The paper calls γ the spread; its Bernoulli rows only make sense as a keep
 * probability p, with ε = b/p - 1 and Var ε = (1-p)/p.
 *
 * Errors: RNNX_CONFIG_INVALID for a keep probability outside (0, 1).
 */
export function standardDeviation(spread: number, reading: SpreadReading): number {
  switch (reading) {
    case 'standard-deviation':
      return spread;
    case 'variance':
      return Math.sqrt(spread);
    case 'keep-probability':
      if (spread >= 1)
        throw new RnnxError('RNNX_CONFIG_INVALID', 'regularizer "noisin": spread is not a keep probability', {
          got: String(spread),
          expected: 'a number above 0 and below 1',
          remedy: 'change "spread", or read it another way with "reading"',
        });
      return Math.sqrt((1 - spread) / spread);
  }
}
