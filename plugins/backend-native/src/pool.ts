import type { FillAddon } from './addon-types.js';

/** Memory of the pool with the number of tensors that look into it. */
export interface Slot {
  readonly buffer: ArrayBuffer;
  uses: number;
  /** While it waits: whether it holds zeros alone. */
  zeros: boolean;
}

/** Smaller arrays are cheap to allocate anew. */
const leastPooled = 4096;

/**
 * All memory, used and waiting, stays below this share of what was ever in use at once, and some bytes. Sizes do not reach
 * their highest counts at the same time: a training step needs about a tenth more than it uses at once.
 */
const share = 1.25;
const slack = 16 * 2 ** 20;

export interface PoolStatistics {
  /** Bytes under tensors now, at most so far, and waiting. */
  readonly used: number;
  readonly peak: number;
  readonly idle: number;
  /** Requests served from waiting memory, and by allocation. */
  readonly reused: number;
  readonly allocated: number;
}

/**
 * ArrayBuffers that go round: allocating fresh ones costs a third of a training step, as the system clears every page.
 * A buffer is counted by the tensors that look into it (slices share one), and waits for the next of its size when the
 * last of them goes. What waits is bounded by what was ever in use at once; the sizes that nobody has asked for longest are
 * let go first.
 */
export class BufferPool {
  /** @param filler what clears memory, after the kernels that are at work in it */
  constructor(private readonly filler: Pick<FillAddon, 'fillFloat'>) {}

  readonly #idle = new Map<number, Slot[]>();
  readonly #slots = new WeakMap<ArrayBufferLike, Slot>();
  #used = 0;
  #peak = 0;
  #idleBytes = 0;
  #reused = 0;
  #allocated = 0;

  /**
   * Memory of at least `bytes` with one use, contents undefined, of which kernels may still use what was there before; `undefined` where pooling does not pay.
   *
   * @param zeros all zero instead, which costs nothing where such memory waits
   */
  take(bytes: number, zeros = false): Slot | undefined {
    if (bytes < leastPooled) return undefined;
    const size = sizeClass(bytes);
    const waiting = this.#idle.get(size);
    let slot = takeOne(waiting, zeros);
    if (slot === undefined) {
      slot = { buffer: new ArrayBuffer(size), uses: 0, zeros: true };
      this.#slots.set(slot.buffer, slot);
      this.#allocated += 1;
    } else {
      this.#idleBytes -= size;
      this.#reused += 1;
      if (waiting!.length === 0) this.#idle.delete(size);
    }
    if (zeros && !slot.zeros) this.filler.fillFloat(size / 4, 0, new Float32Array(slot.buffer));
    slot.zeros = false;
    slot.uses = 1;
    this.#use(size);
    return slot;
  }

  /** The slot that an array looks into, with a use added; `undefined` for memory that is not the pool's. */
  share(array: ArrayBufferView): Slot | undefined {
    const slot = this.#slots.get(array.buffer);
    if (slot === undefined) return undefined;
    // Some kernels free a tensor before they make another of its array.
    if (slot.uses === 0) this.#revive(slot);
    slot.uses += 1;
    return slot;
  }

  /**
   * Takes a use away; the last one gives the memory back.
   *
   * @param zeros whether the memory holds zeros alone, all of it
   */
  release(slot: Slot, zeros = false): void {
    slot.uses -= 1;
    if (slot.uses > 0) return;
    slot.zeros = zeros;
    const size = slot.buffer.byteLength;
    this.#used -= size;
    const waiting = this.#idle.get(size);
    if (waiting === undefined) this.#idle.set(size, [slot]);
    else {
      waiting.push(slot);
      // Moves its size to the end: sizes that nobody asks for drift to the front and go first.
      this.#idle.delete(size);
      this.#idle.set(size, waiting);
    }
    this.#idleBytes += size;
    this.#trim();
  }

  /** Lets go of all waiting memory. */
  clear(): void {
    this.#idle.clear();
    this.#idleBytes = 0;
  }

  statistics(): PoolStatistics {
    return {
      used: this.#used,
      peak: this.#peak,
      idle: this.#idleBytes,
      reused: this.#reused,
      allocated: this.#allocated,
    };
  }

  #use(size: number): void {
    this.#used += size;
    this.#peak = Math.max(this.#peak, this.#used);
    this.#trim();
  }

  #revive(slot: Slot): void {
    slot.zeros = false;
    const size = slot.buffer.byteLength;
    const waiting = this.#idle.get(size);
    const place = waiting?.indexOf(slot) ?? -1;
    if (place >= 0) {
      waiting!.splice(place, 1);
      this.#idleBytes -= size;
      if (waiting!.length === 0) this.#idle.delete(size);
    }
    this.#use(size);
  }

  #trim(): void {
    while (this.#used + this.#idleBytes > this.#peak * share + slack) {
      const [size, waiting] = this.#idle.entries().next().value!;
      waiting.shift();
      this.#idleBytes -= size;
      if (waiting.length === 0) this.#idle.delete(size);
    }
  }
}

/** The one that waits for the shortest time, if there is one of its kind: zeros are for those who ask for them. */
function takeOne(waiting: Slot[] | undefined, zeros: boolean): Slot | undefined {
  const place = waiting?.findLastIndex((slot) => slot.zeros === zeros) ?? -1;
  return place < 0 ? waiting?.pop() : waiting!.splice(place, 1)[0];
}

/** Rounded up to an eighth of the power of two below, so that similar sizes share memory and little is wasted. */
function sizeClass(bytes: number): number {
  const step = 2 ** (31 - Math.clz32(Math.min(bytes, 2 ** 31)) - 3);
  return Math.ceil(bytes / step) * step;
}
