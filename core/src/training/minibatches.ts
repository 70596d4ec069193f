import type { FrameSplit, Split, Task, TokenSplit } from '../contracts/dataset-provider.js';
import { RnnxError } from '../errors.js';
import type { EvaluationConfig, TrainingConfig } from '../experiment/config.js';
import type { Minibatch } from '../model/model.js';
import type { Rng } from '../random/rng.js';

/** One minibatch of a pass over a split. */
export interface BatchWindow {
  readonly batch: Minibatch;
  /** The carried state must start at zero here. */
  readonly fresh: boolean;
  /** Predictions that count: T·B less the padding. */
  readonly count: number;
}

/** A pass over a split: minibatches by index, made when asked for, so that a resumed run starts anywhere. */
export interface WindowPlan {
  readonly length: number;
  at(index: number): BatchWindow;
}

export type WindowOptions = Pick<TrainingConfig, 'batchSize' | 'bptt' | 'carryState'>;

/**
 * Minibatches of one training epoch.
 *
 * Tokens: B parallel contiguous streams of ⌊N/B⌋ tokens, cut into windows of exactly `bptt` steps; the tokens that do not
 * fill a stream or the last window are left out, as in Zaremba et al. (2014). The input of the first token is the task's
 * start token, so it is predicted too.
 *
 * Frames: the sequences in random order, `batchSize` to a batch (the last may be smaller), padded with masked zeros where
 * the split says, cut into windows of at most `bptt` steps. Step t+1 is predicted from steps 1..t, so a sequence of n
 * frames counts n-1 predictions; shorter ones than two frames are left out.
 *
 * The state is carried from window to window of the same streams or sequences, unless `carryState` is false.
 *
 * Errors: RNNX_DATA_TOO_SMALL if the split does not fill one window; RNNX_SHAPE_MISMATCH if split and task disagree.
 *
 * @param order decides the order of sequences; keyed for this epoch
 */
export function trainingWindows(
  split: Split,
  task: Task,
  options: WindowOptions,
  order: Rng,
  name = 'train',
): WindowPlan {
  if (split.kind === 'frames') {
    const lengths = predictionsPerSequence(split, task, name);
    const usable = [...order.permutation(lengths.length)].filter((n) => lengths[n]! > 0);
    return sequenceWindows(split, usable, lengths, frameSize(task), options);
  }
  const start = startToken(task, name);
  const { batchSize, bptt, carryState } = options;
  const length = Math.floor(split.tokens.length / batchSize);
  const windows = Math.floor(length / bptt);
  if (windows === 0)
    throw new RnnxError('RNNX_DATA_TOO_SMALL', `The split "${name}" does not fill one minibatch`, {
      got: `${split.tokens.length} tokens`,
      expected: `at least ${batchSize * bptt} (batchSize ${batchSize} times bptt ${bptt})`,
      remedy: 'lower training.batchSize or training.bptt, or give more text',
    });
  const begins = Array.from({ length: batchSize }, (_, b) => b * length);
  return {
    length: windows,
    at: (index) => ({
      batch: { ...tokenBatch(split, start, begins, index * bptt, bptt, null), start: carryState ? index * bptt : 0 },
      fresh: index === 0 || !carryState,
      count: batchSize * bptt,
    }),
  };
}

/**
 * Minibatches of an exact evaluation: every token of the split (or every frame but each sequence's first) counts once.
 * Tokens are cut into `batchSize` contiguous streams whose lengths differ by one at most, evened out by the mask; a
 * stream's first input is the token before it. The state is carried along each stream or sequence.
 *
 * Errors: RNNX_DATA_TOO_SMALL if there is nothing to predict; RNNX_SHAPE_MISMATCH if split and task disagree.
 */
export function evaluationWindows(split: Split, task: Task, options: EvaluationConfig, name = 'test'): WindowPlan {
  if (split.kind === 'frames') {
    const lengths = predictionsPerSequence(split, task, name);
    const usable = lengths.flatMap((length, n) => (length > 0 ? [n] : []));
    const { batchSize, steps: bptt } = options;
    return sequenceWindows(split, usable, lengths, frameSize(task), { batchSize, bptt, carryState: true });
  }
  const start = startToken(task, name);
  const total = split.tokens.length;
  if (total === 0)
    throw new RnnxError('RNNX_DATA_TOO_SMALL', `The split "${name}" is empty`, {
      got: '0 tokens',
      expected: 'at least 1',
      remedy: 'give the dataset text for this split',
    });
  const streams = Math.min(options.batchSize, total);
  const longest = Math.ceil(total / streams);
  const shorter = Math.floor(total / streams);
  const long = total - shorter * streams; // the first `long` streams have one token more
  const begins = Array.from({ length: streams }, (_, b) => b * shorter + Math.min(b, long));
  return {
    length: Math.ceil(longest / options.steps),
    at(index) {
      const from = index * options.steps;
      const steps = Math.min(options.steps, longest - from);
      const uneven = long > 0 && from + steps === longest;
      const mask = uneven ? new Float32Array(steps * streams).fill(1) : null;
      mask?.fill(0, (steps - 1) * streams + long);
      const count = steps * streams - (uneven ? streams - long : 0);
      const batch = { ...tokenBatch(split, start, begins, from, steps, mask), start: from };
      return { batch, fresh: index === 0, count };
    },
  };
}

/** Steps `from .. from+steps-1` of streams that begin at the given tokens. */
function tokenBatch(
  split: TokenSplit,
  start: number,
  begins: readonly number[],
  from: number,
  steps: number,
  mask: Float32Array | null,
): Minibatch {
  const batch = begins.length;
  const inputs = new Int32Array(steps * batch);
  const targets = new Int32Array(steps * batch);
  for (let t = 0; t < steps; t++)
    for (let b = 0; b < batch; b++) {
      const at = t * batch + b;
      if (mask !== null && mask[at] === 0) continue;
      const token = begins[b]! + from + t;
      inputs[at] = token === 0 ? start : split.tokens[token - 1]!;
      targets[at] = split.tokens[token]!;
    }
  return { steps, batch, inputs, targets, mask };
}

function sequenceWindows(
  split: FrameSplit,
  order: readonly number[],
  lengths: readonly number[],
  size: number,
  options: WindowOptions,
): WindowPlan {
  const places: { readonly group: readonly number[]; readonly from: number; readonly longest: number }[] = [];
  for (let first = 0; first < order.length; first += options.batchSize) {
    const group = order.slice(first, first + options.batchSize);
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

function predictionsPerSequence(split: FrameSplit, task: Task, name: string): number[] {
  if (task.kind !== 'frames') throw disagree(name, 'frames', task.kind);
  const lengths = split.sequences.map((frames, n) => {
    if (frames.length % task.size !== 0)
      throw new RnnxError('RNNX_SHAPE_MISMATCH', `Sequence ${n} of the split "${name}" is not made of whole frames`, {
        got: `${frames.length} values`,
        expected: `a multiple of the frame's width ${task.size}`,
        remedy: 'correct the dataset plugin',
      });
    return Math.max(0, frames.length / task.size - 1);
  });
  if (!lengths.some((length) => length > 0))
    throw new RnnxError('RNNX_DATA_TOO_SMALL', `The split "${name}" has nothing to predict`, {
      got: `${lengths.length} sequences of fewer than two frames`,
      expected: 'at least one sequence of two frames or more',
      remedy: 'give the dataset longer sequences for this split',
    });
  return lengths;
}

function frameSize(task: Task): number {
  return task.kind === 'frames' ? task.size : 0;
}

function startToken(task: Task, name: string): number {
  if (task.kind !== 'language-model') throw disagree(name, 'tokens', task.kind);
  return task.start;
}

function disagree(name: string, split: string, task: string): RnnxError {
  return new RnnxError('RNNX_SHAPE_MISMATCH', `The split "${name}" does not fit the dataset's task`, {
    got: `${split} for a task of kind "${task}"`,
    expected: 'tokens for language models, frames for frame tasks',
    remedy: 'correct the dataset plugin',
  });
}
