import { RnnxError } from '@rnnx/core';

/** @param what the kernel's name in words */
export function noSecondDerivative(what: string): RnnxError {
  return new RnnxError('RNNX_OPTION_INVALID', `A fused ${what} was asked for a second derivative`, {
    got: 'a gradient of a gradient',
    expected: 'one backward pass',
    remedy: 'call enableFusedKernels(false) for this computation',
  });
}
