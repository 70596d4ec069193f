import type { FusedKernels } from '@rnnx/core';
import type { StartedBackend } from '../tfjs-backend.js';
import { createLinearCrossEntropy } from './cross-entropy.js';
import { createDraws } from './draws.js';
import { createGatedProduct } from './gated-product.js';
import { createLinearSigmoid } from './linear-sigmoid.js';
import { createMomentSequence } from './moments.js';
import { NormalizedSequences } from './normalized.js';
import { Sequences } from './sequence.js';
import { createSteppedProduct } from './stepped-product.js';
import { createDeviceUpdates } from './updates.js';

/** What the webgpu backend runs as kernels of its own. Each has its composed counterpart in core. */
export function createFusedKernels({ commands, pipelines }: StartedBackend): FusedKernels {
  const sequences = new Sequences(commands, pipelines);
  const normalized = new NormalizedSequences(commands, pipelines);
  return {
    linearCrossEntropy: createLinearCrossEntropy(commands, pipelines),
    linearSigmoid: createLinearSigmoid(commands, pipelines),
    gatedProduct: createGatedProduct(commands, pipelines),
    steppedProduct: createSteppedProduct(commands, pipelines),
    sequence: (request) => sequences.run(request),
    normalizedSequence: (request) => normalized.run(request),
    momentSequence: createMomentSequence(commands, pipelines),
    draws: createDraws(commands, pipelines),
    deviceUpdates: createDeviceUpdates(commands, pipelines),
  };
}
