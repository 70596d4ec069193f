import type * as tf from '@tensorflow/tfjs';
import type { Weights } from '../../contracts/parameters.js';
import type { OptimizerUpdate, UpdateContext } from './optimizer.js';

/** An optimizer's update as data, for kernels. Equations: the optimizers' docstrings. */
export type UpdateRule =
  | { readonly kind: 'sgd' }
  | { readonly kind: 'momentum'; readonly momentum: number }
  | { readonly kind: 'adam'; readonly beta1: number; readonly beta2: number; readonly epsilon: number }
  | { readonly kind: 'rmsprop'; readonly decay: number; readonly momentum: number; readonly epsilon: number };

export interface UpdateRequest {
  readonly rule: UpdateRule;
  readonly weights: Weights;
  readonly slots: Weights;
  /** One a weight, of its shape. */
  readonly gradients: Weights;
  /** Multiplies the gradients first. */
  readonly scale: number;
  readonly context: UpdateContext;
}

/**
 * Updates that a backend makes in place, for backends whose numbers lie on the host. A tensor keeps its identity and
 * changes its values where no other tensor can see them; where one can, a fresh tensor takes its place and the caller
 * owns both. Same bits as the optimizers in tfjs ops.
 */
export interface OptimizerKernels {
  /** Σ x² over all tensors; `undefined` where the kernel cannot take them. */
  squaredNorm(tensors: readonly tf.Tensor[]): number | undefined;

  /**
   * One update of all weights and slots.
   *
   * @returns `undefined` where the kernel cannot take the request; nothing has changed then
   */
  update(request: UpdateRequest): (OptimizerUpdate & { readonly finite: boolean }) | undefined;

  /** mean + (weights - mean) / count; `undefined` where the kernel cannot take them. */
  average(mean: Weights, weights: Weights, count: number): Record<string, tf.Tensor> | undefined;
}

export interface DeviceUpdateRequest extends Omit<UpdateRequest, 'scale'> {
  /** Everything whose norm is clipped. */
  readonly clipped: readonly tf.Tensor[];
  /** Largest norm, `null` for none. */
  readonly clipNorm: number | null;
}

/** Updates that a backend makes on its device without waiting for it. */
export interface DeviceUpdates {
  /** Steps that the trainer may start before it looks at the report of one, at least 0. */
  readonly stepsAhead: number;

  /**
   * Clips by the global norm and updates all weights and slots.
   *
   * @returns fresh tensors, and `report` `[2]`: 0, or NaN where a new weight is not finite, and the norm before clipping;
   *   `undefined` where the kernels cannot take the request
   */
  update(request: DeviceUpdateRequest): (OptimizerUpdate & { readonly report: tf.Tensor1D }) | undefined;
}
