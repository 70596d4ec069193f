import type { FusedKernels } from '@rnnx/core';
import { Commands } from '../commands.js';
import { Pipelines } from '../pipelines.js';
import type { StartedBackend } from '../tfjs-backend.js';
import { createDraws } from './draws.js';
import { Sequences } from './sequence.js';

/** What the webgpu backend runs as kernels of its own. Each has its composed counterpart in core. */
export function createFusedKernels(backend: StartedBackend): FusedKernels {
  const commands = new Commands(backend);
  const pipelines = new Pipelines(backend.device);
  const sequences = new Sequences(commands, pipelines);
  return { sequence: (request) => sequences.run(request), draws: createDraws(commands, pipelines) };
}
