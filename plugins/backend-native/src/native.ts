import {
  type Backend,
  type BackendStatus,
  definePlugin,
  RnnxError,
  registerFusedKernels,
  startBackend,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { findAddon } from './addon.js';
import type { Addon } from './addon-types.js';
import { createFusedKernels } from './fused/index.js';
import { nativeKernels } from './kernels/index.js';
import { linear, linearGradient, linearName } from './kernels/linear.js';
import { registerKernel, registerKernels } from './kernels/registry.js';
import { createNativeBackend, type NativeBackend } from './native-backend.js';

export interface NativeOptions {
  readonly threads: number;
}

const name = 'native';
const mostThreads = 256;

class Native implements Backend {
  readonly tfjsName = name;

  constructor(private readonly options: NativeOptions) {}

  async probe(): Promise<BackendStatus> {
    const found = findAddon();
    if ('reason' in found) return { available: false, ...found };
    const { addon, path } = found;
    const threads = threadsAsked(this.options) || addon.threadCount();
    return { available: true, detail: `C++ for ${addon.isa()}, ${threads} thread${threads === 1 ? '' : 's'}, ${path}` };
  }

  async activate(): Promise<void> {
    const found = findAddon();
    if ('reason' in found) throw unavailable(found.reason, found.remedy);
    const threads = threadsAsked(this.options);
    if (threads > 0) found.addon.setThreadCount(threads);
    try {
      register(found.addon);
      await startBackend(name);
    } catch (cause) {
      throw unavailable((cause as Error).message, 'choose another backend', cause);
    }
    const backend = nativeBackend()!;
    registerFusedKernels(name, createFusedKernels(backend, backend.addon));
  }
}

/** The backend that tfjs knows as `native`, if it has been started. */
export function nativeBackend(): NativeBackend | undefined {
  if (tf.findBackendFactory(name) == null) return undefined;
  return tf.findBackend(name) as NativeBackend;
}

function register(addon: Addon): void {
  if (tf.findBackendFactory(name) != null) return;
  registerKernels(name, nativeKernels);
  registerKernel(name, linearName, linear);
  tf.registerGradient(linearGradient);
  tf.registerBackend(name, () => createNativeBackend(addon));
}

/** 0: the addon decides. */
function threadsAsked({ threads }: NativeOptions): number {
  if (threads > 0) return threads;
  const given = process.env.RNNX_THREADS;
  if (!given) return 0;
  const count = Number(given);
  if (Number.isInteger(count) && count >= 1 && count <= mostThreads) return count;
  throw new RnnxError('RNNX_OPTION_INVALID', 'The number of threads is not one', {
    got: `RNNX_THREADS=${given}`,
    expected: `a whole number from 1 to ${mostThreads}`,
    remedy: 'unset it to use all cores',
  });
}

function unavailable(got: string, remedy: string, cause?: unknown): RnnxError {
  return new RnnxError('RNNX_BACKEND_UNAVAILABLE', 'The native backend cannot run here', {
    got,
    expected: 'the addon compiled for this machine',
    remedy,
    cause,
  });
}

/**
 * tfjs's cpu backend with its hot kernels in C++, memory that goes round, and whole recurrences as one kernel. Results do
 * not depend on the number of threads.
 *
 * Environment: RNNX_THREADS (threads, where the option does not say), RNNX_NATIVE_ADDON (path of the addon),
 * RNNX_NATIVE_ISA (a lower instruction set), RNNX_NATIVE_QUEUE (when kernels run). Errors: RNNX_BACKEND_UNAVAILABLE without the addon; RNNX_OPTION_INVALID for an
 * odd RNNX_THREADS.
 */
export const native = definePlugin<'backend', NativeOptions>({
  kind: 'backend',
  name: 'native',
  summary: 'C++ on all cores of the processor; the fastest without a GPU',
  core: '^0.1.0',
  paper: null,
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      threads: {
        description: 'Threads to compute with; 0 takes RNNX_THREADS, or else the cores that the process may use',
        type: 'integer',
        minimum: 0,
        maximum: mostThreads,
        default: 0,
      },
    },
  },
  create: (options) => new Native(options),
});
