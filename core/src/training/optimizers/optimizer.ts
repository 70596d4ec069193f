import * as tf from '@tensorflow/tfjs';
import type { Weights } from '../../contracts/parameters.js';
import { RnnxError } from '../../errors.js';
import type { UpdateRule } from './kernels.js';

export interface UpdateContext {
  /** η. */
  readonly learningRate: number;
  /** Number of this update since the start of the run, from 1. */
  readonly step: number;
}

/** New values; every tensor is fresh and belongs to the caller, as do still the old ones. */
export interface OptimizerUpdate {
  readonly weights: Record<string, tf.Tensor>;
  readonly slots: Record<string, tf.Tensor>;
}

/**
 * A rule that moves weights along gradients. It is a function: its memory (velocities, running squares) is in the slots,
 * which the trainer holds, checks before it takes them over, and writes to checkpoints.
 */
export interface Optimizer {
  /** What `update` does, where a backend may have it as a kernel. */
  readonly rule?: UpdateRule;

  /** Slots before the first update, named `slot/parameter`; the caller owns them. */
  initialSlots(weights: Weights): Record<string, tf.Tensor>;

  /** Where to take the gradient, if not at the weights themselves; the caller owns the tensors. */
  lookAhead?(weights: Weights, slots: Weights): Record<string, tf.Tensor>;

  /** One update from the gradients at `lookAhead` (or at the weights). Errors: RNNX_SHAPE_MISMATCH. */
  update(weights: Weights, slots: Weights, gradients: Weights, context: UpdateContext): OptimizerUpdate;

  /**
   * Asked after each validation until it says yes: evaluate from now on with the mean of the weights.
   *
   * @param history validation metric of each finished epoch, lower is better
   */
  startsAveraging?(history: readonly number[]): boolean;
}

/** A slot of zeros (or `value`) beside each parameter. */
export function filledSlots(weights: Weights, slot: string, value = 0): Record<string, tf.Tensor> {
  return Object.fromEntries(
    Object.entries(weights).map(([name, weight]) => [`${slot}/${name}`, tf.fill(weight.shape, value)]),
  );
}

/**
 * Applies a rule to each parameter on its own.
 *
 * @param rule gives the new weight and the new slots of one parameter, by slot name
 */
export function updateEach(
  weights: Weights,
  gradients: Weights,
  rule: (
    name: string,
    weight: tf.Tensor,
    gradient: tf.Tensor,
  ) => readonly [tf.Tensor, Readonly<Record<string, tf.Tensor>>],
): OptimizerUpdate {
  return tf.tidy(() => {
    const update: OptimizerUpdate = { weights: {}, slots: {} };
    for (const [name, weight] of Object.entries(weights)) {
      const gradient = gradientOf(name, weight, gradients);
      // A tidy each, so that only one parameter's temporaries are alive at a time.
      const [next, own] = tf.tidy(() => rule(name, weight, gradient) as [tf.Tensor, Record<string, tf.Tensor>]);
      update.weights[name] = next;
      for (const [slot, value] of Object.entries(own)) update.slots[`${slot}/${name}`] = value;
    }
    return update as unknown as tf.TensorContainerObject;
  }) as unknown as OptimizerUpdate;
}

/** The gradient of a parameter. Errors: RNNX_SHAPE_MISMATCH. */
export function gradientOf(name: string, weight: tf.Tensor, gradients: Weights): tf.Tensor {
  const gradient = gradients[name];
  if (gradient !== undefined && tf.util.arraysEqual(gradient.shape, weight.shape)) return gradient;
  throw new RnnxError('RNNX_SHAPE_MISMATCH', `The gradient of "${name}" does not fit`, {
    got: gradient === undefined ? 'none' : `[${gradient.shape}]`,
    expected: `[${weight.shape}]`,
    remedy: 'make the model return one gradient a parameter, of the same shape',
  });
}

/** The slot of a parameter. */
export function slotOf(slots: Weights, slot: string, name: string): tf.Tensor {
  return slots[`${slot}/${name}`]!;
}
