import { outOfMemory } from './device.js';

/** Memory that may be held beyond the most that was ever in use at once. */
const slack = 64 * 2 ** 20;
const slackShare = 0.25;

interface Numbered {
  readonly buffer: GPUBuffer;
  readonly number: number;
}

/**
 * Buffers that go round, in place of tfjs's own manager: tfjs keeps every buffer for ever, searches lists, and takes sizes
 * that the device does not have. Its users know the members of this class by name.
 */
export class Buffers {
  numUsedBuffers = 0;
  numFreeBuffers = 0;
  numBytesUsed = 0;
  numBytesAllocated = 0;
  #mostUsed = 0;
  /** By size and usage; the one made first is last. */
  readonly #free = new Map<string, Numbered[]>();
  /** With their numbers, in the order in which they were made. */
  readonly #used = new Map<GPUBuffer, number>();
  #made = 0;

  /** @param check throws where the device has failed, so that the reason is told and not what follows from it */
  constructor(
    private readonly device: GPUDevice,
    private readonly check: () => void,
  ) {}

  /**
   * Errors: RNNX_OUT_OF_MEMORY where the device has no buffers of this size; those of a device that has failed.
   *
   * @param size bytes
   * @param mappedAtCreation whether a new buffer is mapped; one that goes round is not
   * @param reuse whether one that went round will do
   */
  acquireBuffer(size: number, usage: GPUBufferUsageFlags, mappedAtCreation = false, reuse = true): GPUBuffer {
    this.check();
    const free = reuse ? this.#free.get(keyOf(size, usage)) : undefined;
    // Always the one made first: then a training step gets the buffers that the same step got before, and with them its
    // bind groups, in whatever order buffers come back.
    const found = free?.pop();
    let buffer = found?.buffer;
    if (buffer !== undefined) this.numFreeBuffers--;
    else {
      const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
      const most =
        usage & GPUBufferUsage.STORAGE ? Math.min(maxBufferSize, maxStorageBufferBindingSize) : maxBufferSize;
      if (size > most) throw outOfMemory(`a tensor of ${size} bytes, where the device takes at most ${most}`);
      buffer = this.device.createBuffer({ size, usage, mappedAtCreation });
      this.numBytesAllocated += size;
    }
    this.#used.set(buffer, found?.number ?? ++this.#made);
    this.numUsedBuffers++;
    this.numBytesUsed += size;
    this.#mostUsed = Math.max(this.#mostUsed, this.numBytesUsed);
    return buffer;
  }

  /** @param reuse whether it may go round; else it is destroyed */
  releaseBuffer(buffer: GPUBuffer, reuse = true): void {
    const number = this.#used.get(buffer);
    if (number === undefined) return; // after `dispose`
    this.#used.delete(buffer);
    const { size } = buffer;
    this.numUsedBuffers--;
    this.numBytesUsed -= size;
    if (!reuse) {
      this.#destroy(buffer);
      return;
    }
    const key = keyOf(size, buffer.usage);
    const free = this.#free.get(key);
    if (free === undefined) this.#free.set(key, [{ buffer, number }]);
    else {
      let place = free.length;
      while (place > 0 && free[place - 1]!.number < number) place--;
      free.splice(place, 0, { buffer, number });
    }
    this.numFreeBuffers++;
    if (this.numBytesAllocated > this.#mostUsed * (1 + slackShare) + slack) this.#trim(key);
  }

  getNumUsedBuffers(): number {
    return this.numUsedBuffers;
  }

  getNumFreeBuffers(): number {
    return this.numFreeBuffers;
  }

  dispose(): void {
    for (const buffer of this.#used.keys()) buffer.destroy();
    for (const free of this.#free.values()) for (const { buffer } of free) buffer.destroy();
    this.#used.clear();
    this.#free.clear();
    this.numUsedBuffers = this.numFreeBuffers = this.numBytesUsed = this.numBytesAllocated = 0;
  }

  /** Frees unused buffers, of the sizes that were met first; none of the size that just came back. */
  #trim(current: string): void {
    const goal = this.#mostUsed;
    for (const [key, buffers] of [...this.#free]) {
      if (key === current) continue;
      while (buffers.length > 0 && this.numBytesAllocated > goal) {
        this.#destroy(buffers.shift()!.buffer);
        this.numFreeBuffers--;
      }
      if (buffers.length === 0) this.#free.delete(key);
    }
  }

  #destroy(buffer: GPUBuffer): void {
    this.numBytesAllocated -= buffer.size;
    buffer.destroy();
  }
}

function keyOf(size: number, usage: number): string {
  return `${size}_${usage}`;
}
