import type { Task, TokenSplit } from '../../contracts/dataset-provider.js';
import { RnnxError } from '../../errors.js';
import type { Minibatch } from '../../model/minibatch.js';
import type { Rng } from '../../random/rng.js';
import { disagree, type WindowOptions, type WindowPlan, type Windows } from './window-plan.js';

/**
 * A stream of tokens. The input of a prediction is the token before, that of the first one the task's start token.
 *
 * Training, `streamed`: B parallel contiguous streams of ⌊N/B⌋ tokens, cut into windows of exactly `bptt` steps; the tokens
 * that do not fill a stream or the last window are left out, as in Zaremba et al. (2014). The state is carried from window to
 * window, unless `carryState` is false.
 *
 * Training, `shuffled`: the text without its first o tokens, o from 0 to `bptt` - 1 anew each epoch, is cut into segments of
 * `bptt` predictions, and B at a time come in random order, each from the initial state (Cooijmans et al. 2016, section 5.2).
 * The segments do not overlap in what they predict; each reads the token before its first prediction too. What does not
 * fill a segment or the last minibatch is left out.
 *
 * Evaluation: `batchSize` contiguous streams whose lengths differ by one at most, evened out by the mask, with the state
 * carried along each; a stream's first input is the token before it.
 */
export const tokenWindows: Windows<TokenSplit> = {
  training(split, task, options, order, name) {
    const start = startToken(task, name);
    const { batchSize, bptt } = options;
    if (split.tokens.length < batchSize * bptt)
      throw new RnnxError('RNNX_DATA_TOO_SMALL', `The split "${name}" does not fill one minibatch`, {
        got: `${split.tokens.length} tokens`,
        expected: `at least ${batchSize * bptt} (batchSize ${batchSize} times bptt ${bptt})`,
        remedy: 'lower training.batchSize or training.bptt, or give more text',
      });
    return options.segments === 'shuffled'
      ? shuffledSegments(split, start, options, order)
      : streams(split, start, options);
  },

  evaluation(split, task, options, name) {
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
  },
};

function streams(split: TokenSplit, start: number, { batchSize, bptt, carryState }: WindowOptions): WindowPlan {
  const length = Math.floor(split.tokens.length / batchSize);
  const begins = Array.from({ length: batchSize }, (_, b) => b * length);
  return {
    length: Math.floor(length / bptt),
    at: (index) => ({
      batch: { ...tokenBatch(split, start, begins, index * bptt, bptt, null), start: carryState ? index * bptt : 0 },
      fresh: index === 0 || !carryState,
      count: batchSize * bptt,
    }),
  };
}

function shuffledSegments(
  split: TokenSplit,
  start: number,
  { batchSize, bptt }: WindowOptions,
  order: Rng,
): WindowPlan {
  const total = split.tokens.length;
  // A short text keeps enough for one minibatch.
  const offsets = Math.min(bptt, total - batchSize * bptt + 1);
  const offset = order.stream('crop').permutation(offsets)[0]!;
  const segments = order.stream('segments').permutation(Math.floor((total - offset) / bptt));
  return {
    length: Math.floor(segments.length / batchSize),
    at(index) {
      const group = segments.subarray(index * batchSize, (index + 1) * batchSize);
      const begins = Array.from(group, (segment) => offset + segment * bptt);
      const batch = { ...tokenBatch(split, start, begins, 0, bptt, null), start: 0 };
      return { batch, fresh: true, count: batchSize * bptt };
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

function startToken(task: Task, name: string): number {
  if (task.kind !== 'language-model') throw disagree(name, 'tokens', task.kind);
  return task.start;
}
