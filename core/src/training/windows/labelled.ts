import type { ClassificationTask, LabelledSplit, Task } from '../../contracts/dataset-provider.js';
import { RnnxError } from '../../errors.js';
import type { LabelledMinibatch } from '../../model/minibatch.js';
import { disagree, groupsOf, refuseSegments, type WindowPlan, type Windows } from './window-plan.js';

/**
 * Sequences of frames with one label each, predicted after the last frame. Shorter sequences of a minibatch are padded
 * with zeros at their end, which no prediction sees.
 *
 * Training: random order, `batchSize` to a batch (the last may be smaller), whole: there is nothing to learn from a window
 * in which no sequence ends, so back-propagation reaches through all of a sequence and `bptt` must be as long as the
 * longest. Evaluation: in the order of the split, cut into windows of at most `steps` with the state carried.
 */
export const labelledWindows: Windows<LabelledSplit> = {
  training(split, task, options, order, name) {
    refuseSegments(options, split, name);
    const { lengths, size } = check(split, task, name);
    const longest = Math.max(...lengths);
    if (options.bptt < longest)
      throw new RnnxError('RNNX_OPTION_CONFLICT', 'Classification back-propagates through whole sequences', {
        got: `training.bptt ${options.bptt} and a sequence of ${longest} steps in the split "${name}"`,
        expected: `at least ${longest}`,
        remedy: `set training.bptt to ${longest}`,
      });
    return cut(split, lengths, size, groupsOf([...order.permutation(lengths.length)], options), options.bptt);
  },

  evaluation(split, task, { batchSize, steps }, name) {
    const { lengths, size } = check(split, task, name);
    return cut(split, lengths, size, groupsOf([...lengths.keys()], { batchSize }), steps);
  },
};

function cut(
  split: LabelledSplit,
  lengths: readonly number[],
  size: number,
  groups: readonly (readonly number[])[],
  most: number,
): WindowPlan<LabelledMinibatch> {
  const places = groups.flatMap((group) => {
    const longest = Math.max(...group.map((n) => lengths[n]!));
    const windows = Math.ceil(longest / most);
    return Array.from({ length: windows }, (_, i) => ({
      group,
      from: i * most,
      to: Math.min((i + 1) * most, longest),
    }));
  });
  return {
    length: places.length,
    at(index) {
      const { group, from, to } = places[index]!;
      const steps = to - from;
      const batch = group.length;
      const inputs = new Float32Array(steps * batch * size);
      const mask = new Float32Array(steps * batch);
      const ends = new Int32Array(batch).fill(-1);
      let read = 0;
      for (const [b, n] of group.entries()) {
        const frames = split.sequences[n]!;
        const length = lengths[n]!;
        const here = Math.max(0, Math.min(steps, length - from));
        for (let t = 0; t < here; t++) {
          const frame = (from + t) * size;
          for (let d = 0; d < size; d++) inputs[(t * batch + b) * size + d] = frames[frame + d]!;
          mask[t * batch + b] = 1;
        }
        if (length > from && length <= to) ends[b] = length - 1 - from;
        read += here;
      }
      return {
        batch: {
          kind: 'labelled',
          steps,
          batch,
          inputs,
          mask: read === steps * batch ? null : mask,
          ends,
          labels: Int32Array.from(group, (n) => split.labels[n]!),
          start: from,
        },
        fresh: from === 0,
        count: ends.reduce((count, end) => count + Number(end >= 0), 0),
        read,
      };
    },
  };
}

function check(
  split: LabelledSplit,
  task: Task,
  name: string,
): { readonly lengths: readonly number[]; readonly size: ClassificationTask['size'] } {
  if (task.kind !== 'classification') throw disagree(name, 'labelled sequences', task.kind);
  const { size, classes } = task;
  const { sequences, labels } = split;
  const wrong = (what: string, got: string, expected: string) =>
    new RnnxError('RNNX_SHAPE_MISMATCH', `${what} of the split "${name}"`, {
      got,
      expected,
      remedy: 'correct the dataset plugin',
    });
  if (sequences.length === 0)
    throw new RnnxError('RNNX_DATA_TOO_SMALL', `The split "${name}" has nothing to predict`, {
      got: '0 sequences',
      expected: 'at least one',
      remedy: 'give the dataset sequences for this split',
    });
  if (labels.length !== sequences.length)
    throw wrong('Labels', `${labels.length} labels`, `one for each of the ${sequences.length} sequences`);
  const stranger = labels.findIndex((label) => !(label >= 0 && label < classes.length));
  if (stranger >= 0)
    throw wrong(`Label ${stranger}`, String(labels[stranger]), `a class from 0 to ${classes.length - 1}`);
  const lengths = sequences.map((frames, n) => {
    if (frames.length === 0 || frames.length % size !== 0)
      throw wrong(`Sequence ${n}`, `${frames.length} values`, `one or more whole frames of width ${size}`);
    return frames.length / size;
  });
  return { lengths, size };
}
