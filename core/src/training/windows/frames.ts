import type { FrameSplit, FrameTask, Task } from '../../contracts/dataset-provider.js';
import { RnnxError } from '../../errors.js';
import {
  disagree,
  groupsOf,
  refuseSegments,
  type WindowOptions,
  type WindowPlan,
  type Windows,
} from './window-plan.js';

/**
 * Sequences of frames, step t+1 predicted from steps 1..t, so that a sequence of n frames counts n-1 predictions; those of
 * fewer than two frames are left out.
 *
 * Training: the sequences in random order, `batchSize` to a batch (the last may be smaller), padded with masked zeros where
 * the split says, cut into windows of at most `bptt` steps. The state is carried from window to window of the same
 * sequences, unless `carryState` is false. Evaluation: the same in the order of the split, always carried.
 */
export const frameWindows: Windows<FrameSplit> = {
  training(split, task, options, order, name) {
    refuseSegments(options, split, name);
    const { lengths, size } = predictionsPerSequence(split, task, name);
    const usable = [...order.permutation(lengths.length)].filter((n) => lengths[n]! > 0);
    return sequenceWindows(split, usable, lengths, size, options);
  },

  evaluation(split, task, { batchSize, steps }, name) {
    const { lengths, size } = predictionsPerSequence(split, task, name);
    const usable = lengths.flatMap((length, n) => (length > 0 ? [n] : []));
    return sequenceWindows(split, usable, lengths, size, { batchSize, bptt: steps, carryState: true });
  },
};

function sequenceWindows(
  split: FrameSplit,
  order: readonly number[],
  lengths: readonly number[],
  size: number,
  options: WindowOptions,
): WindowPlan {
  const places: { readonly group: readonly number[]; readonly from: number; readonly longest: number }[] = [];
  for (const group of groupsOf(order, options)) {
    const longest = Math.max(...group.map((n) => lengths[n]!));
    for (let from = 0; from < longest; from += options.bptt) places.push({ group, from, longest });
  }
  return {
    length: places.length,
    at(index) {
      const { group, from, longest } = places[index]!;
      const steps = Math.min(options.bptt, longest - from);
      const batch = group.length;
      const row = batch * size;
      // Padding steps ahead of each sequence.
      const padding = group.map((n) => (split.padding === 'front' ? longest - lengths[n]! : 0));
      // A step's target is the next one's input: one array for both, unless a sequence ends before the window does.
      const together = group.every((n, b) => padding[b]! + lengths[n]! - from >= steps);
      const frames = new Float32Array((steps + 1) * row);
      const inputs = frames.subarray(0, steps * row);
      const targets = together ? frames.subarray(row) : new Float32Array(steps * row);
      const mask = new Float32Array(steps * batch);
      let count = 0;
      group.forEach((n, b) => {
        const sequence = split.sequences[n]!;
        const begin = Math.max(0, padding[b]! - from);
        const end = Math.min(steps, padding[b]! + lengths[n]! - from);
        const first = (from + begin - padding[b]!) * size;
        copyFrames(sequence, first, end - begin + (together ? 1 : 0), size, frames, begin * row + b * size, row);
        if (!together) copyFrames(sequence, first + size, end - begin, size, targets, begin * row + b * size, row);
        for (let t = begin; t < end; t++) mask[t * batch + b] = 1;
        count += Math.max(0, end - begin);
      });
      return {
        batch: {
          steps,
          batch,
          inputs,
          targets,
          mask: count === steps * batch ? null : mask,
          start: options.carryState ? from : 0,
        },
        fresh: from === 0 || !options.carryState,
        count,
      };
    },
  };
}

/** Frames of one sequence to places `stride` apart. Plain loops: a frame is too short for `set` and `subarray` to pay. */
function copyFrames(
  from: Float32Array,
  first: number,
  count: number,
  size: number,
  to: Float32Array,
  place: number,
  stride: number,
): void {
  for (let t = 0; t < count; t++)
    for (let i = 0; i < size; i++) to[place + t * stride + i] = from[first + t * size + i]!;
}

function predictionsPerSequence(
  split: FrameSplit,
  task: Task,
  name: string,
): { readonly lengths: number[]; readonly size: FrameTask['size'] } {
  if (task.kind !== 'frames') throw disagree(name, 'frames', task.kind);
  const { size } = task;
  const lengths = split.sequences.map((frames, n) => {
    if (frames.length % size !== 0)
      throw new RnnxError('RNNX_SHAPE_MISMATCH', `Sequence ${n} of the split "${name}" is not made of whole frames`, {
        got: `${frames.length} values`,
        expected: `a multiple of the frame's width ${size}`,
        remedy: 'correct the dataset plugin',
      });
    return Math.max(0, frames.length / size - 1);
  });
  if (!lengths.some((length) => length > 0))
    throw new RnnxError('RNNX_DATA_TOO_SMALL', `The split "${name}" has nothing to predict`, {
      got: `${lengths.length} sequences of fewer than two frames`,
      expected: 'at least one sequence of two frames or more',
      remedy: 'give the dataset longer sequences for this split',
    });
  return { lengths, size };
}
