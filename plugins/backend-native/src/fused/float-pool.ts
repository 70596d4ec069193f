/**
 * Arrays that come and go with every minibatch, kept for the next one: fresh memory of the system costs a page fault every
 * four kilobytes. What is never given back is left to the garbage collector.
 */
export class FloatPool {
  readonly #free: Float32Array[] = [];

  /** @param most arrays kept, the ones given back last */
  constructor(readonly most = 16) {}

  /** An array of exactly `length` elements; contents undefined. */
  take(length: number): Float32Array {
    const found = this.#free.findLastIndex((array) => array.length === length);
    return found < 0 ? new Float32Array(length) : this.#free.splice(found, 1)[0]!;
  }

  /** The caller must not use the array any more. */
  give(array: Float32Array): void {
    this.#free.push(array);
    if (this.#free.length > this.most) this.#free.shift();
  }
}
