import type { DeviceUpdateRequest, DeviceUpdates } from '@rnnx/core';
import type * as tf from '@tensorflow/tfjs';
import type { Commands } from '../commands.js';
import type { Buffers, Kernel, Pipelines } from '../pipelines.js';
import {
  normProgram,
  ruleNumbers,
  shared,
  slotsOf,
  squareParts,
  squaresProgram,
  updateProgram,
  updateThreads,
} from '../wgsl/updates.js';

/** Workgroups of a kernel that goes through a tensor: more take several elements a thread. */
const mostGroups = 8192;

/** One more than keeps the device busy while the host takes a step: steps do not all take the same time. */
const stepsAhead = 2;

/** `FusedKernels.deviceUpdates`: two kernels a parameter and one for the norm, where tfjs's operations take some ten. */
export function createDeviceUpdates(commands: Commands, pipelines: Pipelines): DeviceUpdates {
  const start = (kernel: Kernel, words: Uint32Array<ArrayBuffer>, buffers: Buffers, groups: number) => {
    const { buffer, bytes } = commands.parameters(words);
    const pass = commands.pass();
    pass.setPipeline(kernel.pipeline);
    pass.setBindGroup(0, pipelines.bind(kernel, buffer, bytes, buffers), [0]);
    pass.dispatchWorkgroups(groups);
  };

  const update = (request: DeviceUpdateRequest) => {
    const { rule, weights, slots, gradients, clipped, clipNorm, context } = request;
    const names = Object.keys(weights);
    const groups = [weights, slots, gradients].flatMap((group) => Object.values(group));
    if (![...groups, ...clipped].every((tensor) => commands.isFloats(tensor))) return undefined;

    const parts = commands.scratch(clipped.length * squareParts);
    const words = commands.scratch(shared.size);
    commands.clear(parts);
    const squares = pipelines.get('sums of squares', () => squaresProgram);
    for (const [i, tensor] of clipped.entries()) {
      const many = Math.min(Math.ceil(tensor.size / updateThreads), squareParts);
      const buffers = { x: commands.buffer(tensor), parts };
      start(squares, Uint32Array.of(tensor.size, i * squareParts), buffers, many);
    }
    const limit = withFloats([clipped.length * squareParts, clipNorm === null ? 0 : 1], [clipNorm ?? 0]);
    start(
      pipelines.get('norm', () => normProgram),
      limit,
      { parts, shared_words: words },
      1,
    );

    const kernel = pipelines.get(`update ${rule.kind}`, () => updateProgram(rule));
    const numbers = ruleNumbers(rule, context.learningRate, context.step);
    const made = { weights: {} as Record<string, tf.Tensor>, slots: {} as Record<string, tf.Tensor> };
    for (const name of names) {
      const weight = weights[name]!;
      const next = commands.make(weight.shape);
      const buffers: Record<string, GPUBuffer> = {
        weight: commands.buffer(weight),
        gradient: commands.buffer(gradients[name]!),
        weight_out: next.buffer,
        shared_words: words,
      };
      for (const slot of slotsOf(rule)) {
        const key = `${slot}/${name}`;
        const nextSlot = commands.make(weight.shape);
        buffers[slot] = commands.buffer(slots[key]!);
        buffers[`${slot}_out`] = nextSlot.buffer;
        made.slots[key] = commands.toTensor(nextSlot);
      }
      const many = Math.min(Math.ceil(weight.size / updateThreads), mostGroups);
      start(kernel, withFloats([weight.size], numbers), buffers, many);
      made.weights[name] = commands.toTensor(next);
    }
    const report = commands.make([2]);
    commands.copy(words, shared.check, report.buffer, 0, 2); // check and norm
    commands.recorded(clipped.length + 1 + names.length);
    return { ...made, report: commands.toTensor(report) as tf.Tensor1D };
  };
  return { stepsAhead, update };
}

/** Whole numbers, then floats, as words. */
function withFloats(whole: readonly number[], floats: readonly number[]): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(whole.length + floats.length);
  words.set(whole);
  new Float32Array(words.buffer).set(floats, whole.length);
  return words;
}
