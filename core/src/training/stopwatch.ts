/** Seconds of work, without those that lie between. */
export class Stopwatch {
  total = 0;

  async during<T>(work: () => PromiseLike<T>): Promise<T> {
    const began = performance.now();
    const result = await work();
    this.total += (performance.now() - began) / 1000;
    return result;
  }
}
