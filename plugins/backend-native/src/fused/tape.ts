import { RnnxError } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { Result } from './memory.js';

export function toTensor({ info }: Result): tf.Tensor {
  return tf.engine().makeTensorFromTensorInfo(info);
}

/** @param what the kernel's name in words */
export function noSecondDerivative(what: string): RnnxError {
  return new RnnxError('RNNX_OPTION_INVALID', `A fused ${what} was asked for a second derivative`, {
    got: 'a gradient of a gradient, or a second backward pass over one forward pass',
    expected: 'one backward pass',
    remedy: 'call enableFusedKernels(false) for this computation',
  });
}
