import { totalmem } from 'node:os';
import { RnnxError } from '@rnnx/core';
import { bytes, count } from './terminal/format.js';

/** A float32 for the weight and one for its gradient; optimizers and activations come on top. */
const bytesPerParameter = 8;
const remedy = 'lower model.hiddenSize, model.layers, training.batchSize, training.bptt or the number of samples';

/** Refuses what cannot fit before anything is allocated. Errors: RNNX_OUT_OF_MEMORY. */
export function checkMemory(parameters: number, available = totalmem()): void {
  const needed = parameters * bytesPerParameter;
  if (needed <= available) return;
  throw new RnnxError('RNNX_OUT_OF_MEMORY', 'The model is larger than the memory of this machine', {
    got: `${count(parameters)} parameters: weights and gradients need ${bytes(needed)}`,
    expected: `at most ${bytes(available)}`,
    remedy,
  });
}

/** What JavaScript, WebAssembly, C++ and CUDA say when memory runs out. */
const allocationFailed =
  /Invalid typed array length|allocation failed|Invalid array length|out of memory|\bOOM\b|bad_alloc|RESOURCE_EXHAUSTED/i;

/** A failed allocation as RNNX_OUT_OF_MEMORY; every other error as it is. */
export function explainAllocation(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof RnnxError || !allocationFailed.test(error.message)) return error;
  return new RnnxError('RNNX_OUT_OF_MEMORY', 'There is not enough memory', {
    got: error.message.split('\n')[0]!,
    expected: 'room for weights, gradients and the activations of a minibatch',
    remedy,
    cause: error,
  });
}
