import type { Spec } from './workload.js';

/**
 * Floating-point operations that the matrix products of one training step of an LSTM language model need, an addition and
 * a multiplication each counted. With I_l the width of what enters layer l:
 *
 *     2 B { Σ_l [ 3 T I_l 4H + (3 T - 1) H 4H ] + 3 T H V }
 *
 * since each product y = x W has a forward pass and two backward, for x and for W; only the h before the first step needs no
 * gradient. What is worked out twice to save memory is counted once, and everything between the products not at all.
 */
export function stepFlops({ layers, hidden, steps, batch, outputs }: Spec): number {
  const columns = 4 * hidden;
  const inputProducts = 3 * steps * hidden * columns; // the embedding is as wide as the state
  const recurrentProducts = (3 * steps - 1) * hidden * columns;
  return 2 * batch * (layers * (inputProducts + recurrentProducts) + 3 * steps * hidden * outputs);
}
