/** Passes that one set of queries has room for. */
const mostPasses = 2048;

/**
 * Milliseconds that the device computes while some work is done, by its own clock: from each pass's beginning to its end, copies
 * between passes left out. `undefined` where it has no clock, or the work has too many passes.
 */
export async function deviceTime(device: GPUDevice, work: () => Promise<void>): Promise<number | undefined> {
  if (!device.features.has('timestamp-query')) return undefined;
  const querySet = device.createQuerySet({ type: 'timestamp', count: 2 * mostPasses });
  let passes = 0;
  const { prototype } = (globalThis as unknown as { GPUCommandEncoder: { prototype: GPUCommandEncoder } })
    .GPUCommandEncoder;
  const begin = prototype.beginComputePass;
  prototype.beginComputePass = function (descriptor) {
    const at = 2 * passes++;
    if (passes > mostPasses) return begin.call(this, descriptor);
    const timestampWrites = { querySet, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 };
    return begin.call(this, { ...descriptor, timestampWrites });
  };
  try {
    await work();
  } catch (error) {
    querySet.destroy();
    throw error;
  } finally {
    prototype.beginComputePass = begin;
  }
  if (passes === 0 || passes > mostPasses) {
    querySet.destroy();
    return passes === 0 ? 0 : undefined;
  }
  const size = 16 * passes;
  const [resolved, read] = [
    device.createBuffer({ size: 16 * mostPasses, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC }),
    device.createBuffer({ size: 16 * mostPasses, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ }),
  ];
  try {
    const encoder = device.createCommandEncoder();
    encoder.resolveQuerySet(querySet, 0, 2 * passes, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, read, 0, size);
    device.queue.submit([encoder.finish()]);
    await read.mapAsync(GPUMapMode.READ, 0, size);
    const times = new BigUint64Array(read.getMappedRange(0, size).slice(0));
    let total = 0;
    for (let pass = 0; pass < passes; pass++) total += Number(times[2 * pass + 1]! - times[2 * pass]!);
    return total / 1e6;
  } finally {
    for (const each of [resolved, read, querySet]) each.destroy();
  }
}
