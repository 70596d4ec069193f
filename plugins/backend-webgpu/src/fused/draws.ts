import type { RandomDraws } from '@rnnx/core';
import type * as tf from '@tensorflow/tfjs';
import type { Commands } from '../commands.js';
import type { Pipelines } from '../pipelines.js';
import { type Draw, drawProgram, drawThreads, numbersPerThread } from '../wgsl/philox.js';

/** Fewer numbers than these come sooner from the host. */
const leastNumbers = 1024;

/** `FusedKernels.draws`: random tensors made where they are used, instead of on the host and sent over. */
export function createDraws(commands: Commands, pipelines: Pipelines): RandomDraws {
  const draw = (kind: Draw, key: readonly [number, number], shape: readonly number[], keep = 0) => {
    const count = shape.reduce((product, n) => product * n, 1);
    const groups = Math.ceil(count / (drawThreads * numbersPerThread));
    if (count < leastNumbers || count > commands.mostNumbers) return undefined;
    if (groups > commands.device.limits.maxComputeWorkgroupsPerDimension) return undefined;
    const kernel = pipelines.get(`draw ${kind}`, () => drawProgram(kind));
    // A word lies below keep 2^32 where it lies below the next integer; below 2^32 lies every word.
    const threshold = Math.ceil(keep * 2 ** 32);
    const certain = threshold === 2 ** 32;
    const numbers = [key[0] >>> 0, key[1] >>> 0, count, certain ? 0 : threshold, certain ? 1 : 0];
    const { buffer, bytes } = commands.parameters(Uint32Array.from(numbers));
    const made = commands.make(shape);
    const group = pipelines.bind(kernel, buffer, bytes, { numbers_out: made.buffer });
    const pass = commands.pass();
    pass.setPipeline(kernel.pipeline);
    pass.setBindGroup(0, group, [0]);
    pass.dispatchWorkgroups(groups);
    commands.recorded(1);
    return commands.toTensor(made) as tf.Tensor;
  };
  return {
    uniform: (key0, key1, shape) => draw('uniform', [key0, key1], shape),
    normal: (key0, key1, shape) => draw('normal', [key0, key1], shape),
    bernoulli: (key0, key1, keep, shape) => draw('bernoulli', [key0, key1], shape, keep),
  };
}
