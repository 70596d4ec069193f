import type * as tf from '@tensorflow/tfjs';
import { fusedKernels } from './fused.js';
import type { SitePlan } from './site-plan.js';

/**
 * The product of all steps with a weight that differs from step to step, as one kernel: `x_t · W_t` `[T, B, columns]`, or
 * transposed `x_t · W_tᵀ` `[T, B, rows]`. `undefined` where the weight is the same for all steps, where a `map` makes it
 * differ, or where the backend has no such kernel.
 *
 * @param x `[T, B, rows]`, or transposed `[T, B, columns]`
 * @param weight `[rows, columns]`, as it is stored
 */
export function steppedProduct(
  plan: SitePlan,
  site: 'weights.input' | 'weights.output',
  layer: number | undefined,
  x: tf.Tensor3D,
  weight: tf.Tensor,
  transposed: boolean,
): tf.Tensor3D | undefined {
  const kernel = fusedKernels().steppedProduct;
  if (kernel === undefined || !plan.differsByStep(site, layer)) return undefined;
  const stepped = plan.steppedWeight(site, layer, weight);
  if (stepped === undefined) return undefined;
  return kernel(x, stepped.weight as tf.Tensor2D, stepped.perturbations, transposed);
}
