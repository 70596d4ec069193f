import type * as tf from '@tensorflow/tfjs';
import type { Weights } from '../../contracts/parameters.js';
import type { OptimizerUpdate, UpdateContext } from './optimizer.js';

/** An optimizer's update as data, for kernels. Equations: the optimizers' docstrings. */
export type UpdateRule =
  | { readonly kind: 'sgd' }
  | { readonly kind: 'momentum'; readonly momentum: number }
  | { readonly kind: 'adam'; readonly beta1: number; readonly beta2: number; readonly epsilon: number }
  | { readonly kind: 'rmsprop'; readonly decay: number; readonly momentum: number; readonly epsilon: number };

export interface DeviceUpdateRequest {
  readonly rule: UpdateRule;
  readonly weights: Weights;
  readonly slots: Weights;
  /** One a weight, of its shape. */
  readonly gradients: Weights;
  /** Everything whose norm is clipped. */
  readonly clipped: readonly tf.Tensor[];
  /** Largest norm, `null` for none. */
  readonly clipNorm: number | null;
  readonly context: UpdateContext;
}

export interface UpdateRequest extends DeviceUpdateRequest {
  /** Nothing is updated unless their sum is finite. */
  readonly losses: readonly [tf.Scalar, tf.Scalar];
  readonly errors: tf.Scalar | undefined;
}

export interface UpdateOutcome {
  /** Before clipping, in double precision. Where it is not finite nothing was updated. */
  readonly squaredNorm: number;
  /** Whether all new weights are. */
  readonly finite: boolean;
  /** The values of the request's. */
  readonly losses: readonly [number, number];
  /** 0 where the request has none. */
  readonly errors: number;
}

/**
 * Updates that a backend makes in place, for backends whose numbers lie on the host. They may run later than asked for, in
 * order. A tensor keeps its identity and changes its values where no other tensor can see them; where one can, a fresh
 * tensor takes its place and the caller owns both. Same bits as the optimizers in tfjs ops.
 */
export interface OptimizerKernels {
  /** Steps that the trainer may start before it asks for the outcome of one, at least 0. */
  readonly stepsAhead: number;

  /**
   * Clips by the global norm and updates all weights and slots.
   *
   * @returns also what waits for the update, but for nothing after it, and tells its outcome; `undefined` where the
   *   kernels cannot take the request, and nothing has changed then
   */
  update(request: UpdateRequest): (OptimizerUpdate & { outcome(): UpdateOutcome }) | undefined;

  /** mean + (weights - mean) / count; `undefined` where the kernel cannot take them. */
  average(mean: Weights, weights: Weights, count: number): Record<string, tf.Tensor> | undefined;
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
