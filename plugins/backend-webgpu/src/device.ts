import { RnnxError } from '@rnnx/core';
import type { FoundAdapter } from './adapter.js';

/** A device and what went wrong on it since. WebGPU reports errors late and aside; `check` brings them to the caller. */
export class Device {
  readonly gpu: GPUDevice;
  readonly info: GPUAdapterInfo;
  readonly detail: string;
  #failure: RnnxError | undefined;

  constructor(device: GPUDevice, info: GPUAdapterInfo, detail: string) {
    this.gpu = device;
    this.info = info;
    this.detail = detail;
    device.lost.then(({ reason, message }) => {
      this.#failure = lost(detail, message || reason);
    });
    device.onuncapturederror = ({ error }) => {
      this.#failure ??= explain(detail, error);
    };
  }

  /** Whether anything went wrong: then a device has to be opened anew. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Errors: RNNX_DEVICE_LOST; RNNX_OUT_OF_MEMORY; RNNX_BACKEND_FAILED where a command was refused. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** What a failed read means. */
  explain(error: unknown): unknown {
    if (this.#failure !== undefined) return this.#failure;
    if (error instanceof Error && error.name === 'AbortError') return lost(this.detail, error.message || error.name);
    return error;
  }
}

/** Storage buffers that one kernel may bind: the least that every WebGPU has. Kernels here stay within it. */
export const storageBuffersPerKernel = 8;

const wantedFeatures: readonly GPUFeatureName[] = ['timestamp-query', 'shader-f16', 'subgroups'];
/** Limits that are asked for as high as the adapter has them. */
const wantedLimits = [
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupSizeX',
  'maxComputeInvocationsPerWorkgroup',
] as const;

/** Opens the adapter's device. */
export async function openDevice({ adapter, detail }: FoundAdapter): Promise<Device> {
  const device = await adapter.requestDevice({
    requiredFeatures: wantedFeatures.filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(wantedLimits.map((limit) => [limit, adapter.limits[limit]])),
  });
  return new Device(device, adapter.info, detail);
}

function lost(detail: string, message: string): RnnxError {
  return new RnnxError('RNNX_DEVICE_LOST', 'The GPU was lost', {
    got: `${message} (${detail})`,
    expected: 'a device that stays until the run has ended',
    remedy: 'see the system’s log for the driver’s reason; go on from the last checkpoint with --resume',
  });
}

function explain(detail: string, error: GPUError): RnnxError {
  const message = error.message.split('\n')[0]!;
  // The class is Dawn's own: known by its name.
  if (error.constructor.name === 'GPUOutOfMemoryError') return outOfMemory(message);
  return new RnnxError('RNNX_BACKEND_FAILED', 'The GPU refused a command', {
    got: `${message} (${detail})`,
    expected: 'commands that the device accepts',
    remedy: 'take another backend, and report this with the output of rnnx doctor',
  });
}

export function outOfMemory(got: string): RnnxError {
  return new RnnxError('RNNX_OUT_OF_MEMORY', 'The GPU has not enough memory', {
    got,
    expected: 'room for weights, gradients and the activations of a minibatch',
    remedy: 'lower model.hiddenSize, model.layers, training.batchSize, training.bptt or the number of samples',
  });
}
