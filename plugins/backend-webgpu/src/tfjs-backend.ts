import type * as tf from '@tensorflow/tfjs';
import { type FoundAdapter, isNull } from './adapter.js';
import { keepBindGroups } from './bind-groups.js';
import { Buffers } from './buffers.js';
import { Commands } from './commands.js';
import { type Device, openDevice } from './device.js';
import { replaceKernels } from './kernels/index.js';
import { everywhere, type ProductChoice, type ProductKind, quickerProducts } from './kernels/product-choice.js';
import { Pipelines } from './pipelines.js';

interface TensorData {
  values: tf.backend_util.BackendValues | null;
  resource: GPUBuffer | null;
  readonly dtype: tf.DataType;
}

/** What tfjs's WebGPU backend is made of, as far as it is used here. */
export interface WebGpuBackend extends tf.KernelBackend {
  readonly device: GPUDevice;
  readonly queue: GPUQueue;
  bufferManager: Buffers;
  commandEncoder: GPUCommandEncoder | null;
  computePassEncoder: GPUComputePassEncoder | null;
  dispatchCountInPass: number;
  readonly tensorMap: { get(id: object): TensorData; has(id: object): boolean };
  /** Tensors that recorded commands read or write: their memory stays until these are submitted. */
  commandQueueOwnedIds: WeakSet<object>;
  /** Buffers that go round again once the recorded commands are submitted. */
  readonly uniformPendingDisposal: GPUBuffer[];
  read(id: object): Promise<tf.backend_util.BackendValues>;
  makeTensorInfo(shape: number[], dtype: tf.DataType, values?: tf.backend_util.BackendValues): tf.TensorInfo;
  uploadToGPU(id: object): void;
  disposeData(id: object, force?: boolean): boolean;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
}

export interface StartedBackend extends WebGpuBackend {
  readonly opened: Device;
  readonly commands: Commands;
  readonly pipelines: Pipelines;
  /** What computes large matrix products. */
  readonly products: ProductChoice;
}

type Constructor = new (device: GPUDevice, info: GPUAdapterInfo) => WebGpuBackend;

/**
 * Opens the adapter's device and makes tfjs's backend over it, not yet known to tfjs.
 *
 * @param kind computes large matrix products; `quicker`: see `quickerProducts`
 */
export async function createBackend(found: FoundAdapter, kind: ProductKind | 'quicker'): Promise<StartedBackend> {
  // Before tfjs can see a GPU: else it registers a backend of its own.
  const tfjs = (await import('@tensorflow/tfjs-backend-webgpu')) as unknown as { WebGPUBackend: Constructor };
  replaceKernels('webgpu');
  exposeGpu(found.gpu);
  keepLayouts();
  const opened = await openDevice(found);
  const pipelines = new Pipelines(opened.gpu);
  const products = kind === 'quicker' ? await quickerProducts(opened, pipelines) : everywhere(kind);
  keepBindGroups(opened.gpu);

  class Started extends tfjs.WebGPUBackend implements StartedBackend {
    readonly opened = opened;
    readonly commands: Commands;
    readonly pipelines = pipelines;
    readonly products = products;

    constructor() {
      super(opened.gpu, found.adapter.info);
      this.bufferManager = new Buffers(opened.gpu, () => opened.check());
      this.commands = new Commands(this);
    }

    /** Where all that was recorded becomes known, an error on the device does too. */
    override async read(id: object): Promise<tf.backend_util.BackendValues> {
      opened.check();
      try {
        const values = await super.read(id);
        opened.check();
        // Dawn's null backend leaves in memory what was there before.
        if (isNull(opened.info)) (values as Float32Array).fill(0);
        return values;
      } catch (error) {
        throw opened.explain(error);
      }
    }

    override dispose(): void {
      super.dispose();
      opened.gpu.destroy();
    }
  }

  return new Started();
}

/** tfjs asks for `navigator.gpu`, which Node lacks. */
function exposeGpu(gpu: GPU): void {
  const host = globalThis as { navigator?: object };
  if (host.navigator === undefined)
    Object.defineProperty(host, 'navigator', { value: {}, configurable: true, writable: true });
  Object.defineProperty(host.navigator, 'gpu', { value: gpu, configurable: true });
}

let layoutsKept = false;

/** tfjs asks for a pipeline's layout at every dispatch, and Dawn makes a new object of it every time. */
function keepLayouts(): void {
  if (layoutsKept) return;
  layoutsKept = true;
  const { prototype } = GPUComputePipeline;
  const make = prototype.getBindGroupLayout;
  const known = new WeakMap<GPUComputePipeline, GPUBindGroupLayout>();
  prototype.getBindGroupLayout = function (this: GPUComputePipeline, index) {
    const kept = index === 0 ? known.get(this) : undefined;
    if (kept !== undefined) return kept;
    const made = make.call(this, index);
    if (index === 0) known.set(this, made);
    return made;
  };
}
