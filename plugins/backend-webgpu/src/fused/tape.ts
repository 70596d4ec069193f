import { RnnxError } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

/**
 * At most one number that depends on the values and stands for them among the inputs of an operation. tfjs asks for its
 * gradient after that of the operation, and only where the gradient of a value is wanted.
 */
export function tie(values: readonly tf.Tensor[], gradients: () => tf.Tensor[]): tf.Tensor[] {
  if (values.length === 0) return [];
  const op = tf.customGrad(() => ({ value: tf.scalar(0), gradFunc: gradients }));
  return [op(...values)];
}

/** @param what the kernel's name in words */
export function noSecondDerivative(what: string): RnnxError {
  return new RnnxError('RNNX_OPTION_INVALID', `A fused ${what} was asked for a second derivative`, {
    got: 'a gradient of a gradient',
    expected: 'one backward pass',
    remedy: 'call enableFusedKernels(false) for this computation',
  });
}
