import * as tf from '@tensorflow/tfjs';
import type { Buffers as BoundBuffers, Kernel, Pipelines } from './pipelines.js';
import type { StartedBackend } from './tfjs-backend.js';

/** A tensor in the making: what tfjs will know it by, and the buffer that kernels fill. */
export interface Made {
  readonly info: tf.TensorInfo;
  readonly buffer: GPUBuffer;
}

const bytesPerNumber = 4;

/** How kernels of ours join the stream of commands that tfjs records. */
export class Commands {
  /** Kernels of ours that were recorded. */
  dispatches = 0;
  readonly #backend: StartedBackend;

  constructor(backend: StartedBackend) {
    this.#backend = backend;
  }

  get device(): GPUDevice {
    return this.#backend.device;
  }

  /** Floats that one binding may hold. */
  get mostNumbers(): number {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    return Math.min(maxBufferSize, maxStorageBufferBindingSize) / bytesPerNumber;
  }

  /** A new float32 tensor on the GPU, contents undefined. It must become a tensor or be given to `drop`. */
  make(shape: readonly number[]): Made {
    const info = this.#backend.makeTensorInfo([...shape], 'float32');
    this.#backend.uploadToGPU(info.dataId);
    this.#backend.commandQueueOwnedIds.add(info.dataId);
    return { info, buffer: this.#backend.tensorMap.get(info.dataId).resource! };
  }

  toTensor({ info }: Made): tf.Tensor {
    return tf.engine().makeTensorFromTensorInfo(info);
  }

  /** The buffer of a float32 or int32 tensor, valid for commands recorded before anything else happens to the tensor. */
  buffer(tensor: tf.Tensor): GPUBuffer {
    tensor.throwIfDisposed();
    return this.bufferOf(tensor);
  }

  /** The same where tfjs has seen to it that the tensor is there. */
  bufferOf({ dataId }: tf.TensorInfo): GPUBuffer {
    this.#backend.uploadToGPU(dataId);
    this.#backend.commandQueueOwnedIds.add(dataId);
    return this.#backend.tensorMap.get(dataId).resource!;
  }

  /** Whether the tensor's memory holds float32. */
  isFloats(tensor: tf.Tensor): boolean {
    tensor.throwIfDisposed();
    return tensor.dtype === 'float32' && this.#backend.tensorMap.get(tensor.dataId).dtype === 'float32';
  }

  /** Whether it holds int32. */
  isIntegers(tensor: tf.Tensor): boolean {
    tensor.throwIfDisposed();
    return tensor.dtype === 'int32' && this.#backend.tensorMap.get(tensor.dataId).dtype === 'int32';
  }

  /** A tensor whose memory holds float32: itself, or a converted one. Some casts of tfjs only change the label. */
  asFloats<T extends tf.Tensor>(tensor: T): T {
    tensor.throwIfDisposed();
    const { dtype } = this.#backend.tensorMap.get(tensor.dataId);
    return dtype === 'float32' ? tensor : (tf.mul(tf.cast(tensor, 'float32'), 1) as T);
  }

  /** Memory for the commands that are being recorded. */
  scratch(numbers: number): GPUBuffer {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = this.#backend.bufferManager.acquireBuffer(numbers * bytesPerNumber, usage);
    this.#backend.uniformPendingDisposal.push(buffer);
    return buffer;
  }

  /** Constants of one kernel, for the commands that are being recorded. */
  parameters(words: Uint32Array<ArrayBuffer>): { readonly buffer: GPUBuffer; readonly bytes: number } {
    const bytes = Math.ceil(words.byteLength / 16) * 16;
    const buffer = this.#backend.bufferManager.acquireBuffer(bytes, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
    this.#backend.uniformPendingDisposal.push(buffer);
    this.#backend.queue.writeBuffer(buffer, 0, words);
    return { buffer, bytes };
  }

  /** A buffer of constants that stays. */
  constants(words: Uint32Array<ArrayBuffer>): GPUBuffer {
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const buffer = this.device.createBuffer({ size: words.byteLength, usage });
    this.#backend.queue.writeBuffer(buffer, 0, words);
    return buffer;
  }

  /** Copies numbers; places and length count numbers. */
  copy(from: GPUBuffer, fromStart: number, to: GPUBuffer, toStart: number, length: number): void {
    this.#outsidePass().copyBufferToBuffer(
      from,
      fromStart * bytesPerNumber,
      to,
      toStart * bytesPerNumber,
      length * bytesPerNumber,
    );
  }

  /** Sets all numbers to zero. */
  clear(buffer: GPUBuffer): void {
    this.#outsidePass().clearBuffer(buffer);
  }

  /** A pass for `dispatch`; any other command ends it. */
  pass(): GPUComputePassEncoder {
    this.#backend.ensureCommandEncoderReady();
    this.#backend.computePassEncoder ??= this.#backend.commandEncoder!.beginComputePass();
    return this.#backend.computePassEncoder;
  }

  /** Records one kernel with constants of its own. */
  run(
    pipelines: Pipelines,
    kernel: Kernel,
    constants: readonly number[],
    groups: readonly number[],
    buffers: BoundBuffers,
  ): void {
    const { buffer, bytes } = this.parameters(Uint32Array.from(constants));
    const pass = this.pass();
    pass.setPipeline(kernel.pipeline);
    pass.setBindGroup(0, pipelines.bind(kernel, buffer, bytes, buffers), [0]);
    pass.dispatchWorkgroups(groups[0]!, groups[1] ?? 1, groups[2] ?? 1);
    this.recorded(1);
  }

  /** Accounts for kernels recorded in the pass, and sends the commands off when there are enough of them. */
  recorded(dispatches: number): void {
    this.dispatches += dispatches;
    this.#backend.dispatchCountInPass += dispatches;
    if (this.#backend.dispatchCountInPass < tf.env().getNumber('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE')) return;
    this.#backend.endComputePassEncoder();
    this.#backend.submitQueue();
  }

  #outsidePass(): GPUCommandEncoder {
    this.#backend.ensureCommandEncoderReady();
    this.#backend.endComputePassEncoder();
    return this.#backend.commandEncoder!;
  }
}
