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
      const inputs = new Float32Array(steps * batch * size);
      const targets = new Float32Array(steps * batch * size);
      const mask = new Float32Array(steps * batch);
      let count = 0;
      group.forEach((n, b) => {
        const frames = split.sequences[n]!;
        const before = split.padding === 'front' ? longest - lengths[n]! : 0; // padding steps ahead of the sequence
        const end = Math.min(steps, before + lengths[n]! - from);
        for (let t = Math.max(0, before - from); t < end; t++) {
          const frame = (from + t - before) * size;
          inputs.set(frames.subarray(frame, frame + size), (t * batch + b) * size);
          targets.set(frames.subarray(frame + size, frame + 2 * size), (t * batch + b) * size);
          mask[t * batch + b] = 1;
          count++;
        }
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
