import {
  type Backend,
  type BackendStatus,
  definePlugin,
  type FusedKernels,
  RnnxError,
  registerFusedKernels,
  startBackend,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import {
  type AdapterChoice,
  extraFlags,
  type FoundAdapter,
  findAdapter,
  isNull,
  listAdapters,
  type NoAdapter,
} from './adapter.js';
import { createFusedKernels } from './fused/index.js';
import { createBackend, type StartedBackend } from './tfjs-backend.js';

export interface WebGpuOptions extends AdapterChoice {
  /** Large matrix products; f32: see `quickerProducts`. */
  readonly matmul: 'f32' | 'tiles' | 'subgroups' | 'f16' | 'f16-sums';
}

const name = 'webgpu';

type MatMul = WebGpuOptions['matmul'];
const featuresFor: Readonly<Partial<Record<MatMul, GPUFeatureName>>> = {
  f16: 'shader-f16',
  'f16-sums': 'shader-f16',
  subgroups: 'subgroups',
};
const productNames: Readonly<Partial<Record<MatMul, string>>> = {
  f16: ', matrix products of f16',
  'f16-sums': ', matrix products of f16, also their sums of eight',
  subgroups: ', matrix products by subgroups',
  tiles: ', matrix products in tiles',
};

class WebGpu implements Backend {
  readonly tfjsName = name;

  constructor(private readonly options: WebGpuOptions) {}

  async probe(): Promise<BackendStatus> {
    const found = await this.#find();
    if ('reason' in found) return { available: false, ...found };
    const { emulated } = found;
    const asked = this.options.powerPreference === 'low-power' ? ' (low power preferred)' : '';
    const products = productNames[this.options.matmul] ?? '';
    const list = await listAdapters();
    const detail = `${found.detail}${asked}${products}${list && `; adapters: ${list}`}`;
    return emulated
      ? { available: true, emulated, detail: `${detail}; no GPU but software in its place, for tests` }
      : { available: true, detail };
  }

  async activate(): Promise<void> {
    const key = JSON.stringify([this.options, extraFlags()]);
    if (current?.key !== key || current.backend.opened.failed) current = await this.#register(key);
    const computes = !isNull(current.backend.opened.info);
    try {
      await startBackend(name, computes ? tryOut : undefined);
    } catch (cause) {
      throw unavailable((cause as Error).message.split('\n')[0]!, 'update the driver, or take another backend', cause);
    }
    registerFusedKernels(name, current.kernels);
  }

  async #find(): Promise<FoundAdapter | NoAdapter> {
    const { matmul, ...choice } = this.options;
    const feature = featuresFor[matmul];
    const found = await findAdapter(choice, feature === undefined ? [] : [feature]);
    if ('reason' in found || found.missing.length === 0) return found;
    return {
      reason: `${found.detail} lacks the feature ${found.missing}, which the option matmul "${matmul}" needs`,
      remedy: 'leave matmul at "f32", or update the driver',
    };
  }

  /** Opens the device and makes it known to tfjs, in place of one before, whose tensors are gone. */
  async #register(key: string): Promise<Started> {
    const found = await this.#find();
    if ('reason' in found) throw unavailable(found.reason, found.remedy);
    const { matmul } = this.options;
    // Software is for tests: two kernels take it longer to compile than one to compute.
    const backend = await createBackend(found, matmul !== 'f32' ? matmul : found.emulated ? 'tiles' : 'quicker');
    if (tf.findBackendFactory(name) != null) tf.removeBackend(name);
    tf.registerBackend(name, () => backend);
    return { key, backend, kernels: createFusedKernels(backend) };
  }
}

interface Started {
  /** What it was opened for. */
  readonly key: string;
  readonly backend: StartedBackend;
  readonly kernels: FusedKernels;
}

/** The one that tfjs knows as `webgpu`. */
let current: Started | undefined;

/** The backend that tfjs knows as `webgpu`, if it has been started. */
export function webGpuBackend(): StartedBackend | undefined {
  return current?.backend;
}

/** Some drivers take every command and compute nothing right. */
async function tryOut(): Promise<void> {
  const product = tf.tidy(() => tf.matMul(tf.fill([3, 5], 2), tf.fill([5, 7], 2)));
  try {
    const values = await product.data();
    if (values.some((value) => value !== 20)) throw new Error(`the GPU computes 5 x 2 x 2 = ${values[0]}`);
  } finally {
    product.dispose();
  }
}

function unavailable(got: string, remedy: string, cause?: unknown): RnnxError {
  return new RnnxError('RNNX_BACKEND_UNAVAILABLE', 'The webgpu backend cannot run here', {
    got,
    expected: 'a GPU with a Vulkan, Metal or D3D12 driver',
    remedy,
    cause,
  });
}

/**
 * Training on a GPU through WebGPU: tfjs's WebGPU backend over Dawn, which comes inside the npm package `webgpu` and runs on
 * any Vulkan, Metal or D3D12 driver. Memory is bounded, and errors of the device come to whoever reads.
 *
 * Environment: RNNX_WEBGPU_FLAGS (flags of Dawn, comma between them). Errors: RNNX_BACKEND_UNAVAILABLE without a usable GPU;
 * later, from reads, RNNX_DEVICE_LOST, RNNX_OUT_OF_MEMORY and RNNX_BACKEND_FAILED.
 */
export const webgpu = definePlugin<'backend', WebGpuOptions>({
  kind: 'backend',
  name: 'webgpu',
  summary: 'A GPU of any make through WebGPU (Vulkan, Metal, D3D12); nothing to install but its driver',
  core: '^0.1.0',
  paper: null,
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      adapter: {
        description:
          'Which GPU: part of its name, or its place among the adapters from 0; null takes the one that fits powerPreference',
        type: ['string', 'integer', 'null'],
        minLength: 1,
        minimum: 0,
        default: null,
      },
      powerPreference: {
        description: 'Where there are several GPUs: the faster one, or the one that saves power',
        enum: ['high-performance', 'low-power'],
        default: 'high-performance',
      },
      matmul: {
        description:
          'How large matrix products are computed: f32 is the quicker of tiles and subgroups, measured when the backend starts, where both give the same bits, else tiles; f16 rounds operands to half precision and adds up in single, which is right to some 3 digits; f16-sums adds up eight products in half precision before, which has twice the error and is for GPUs that are quicker at it',
        enum: ['f32', 'tiles', 'subgroups', 'f16', 'f16-sums'],
        default: 'f32',
      },
    },
  },
  create: (options) => new WebGpu(options),
});
