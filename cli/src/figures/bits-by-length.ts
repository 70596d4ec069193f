import { createRng, evaluationPass, RnnxError, type TokenSplit } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { Point } from '../report/chart.js';
import type { TrainedRun } from '../trained.js';

export interface LengthOptions {
  /** In predictions. */
  readonly lengths: readonly number[];
  /** Characters read for each length at most, from the start of the split. */
  readonly most: number;
  /**
   * Normalise with the statistics of minibatches of so many subsequences, or of all where there are fewer, in place of the
   * population's; subsequences that fill no minibatch are left out.
   */
  readonly minibatch?: number;
}

/**
 * Bits per character against the length of the subsequences that a split is cut into, the state fresh at the start of each
 * (Cooijmans et al. 2016, figure 4b): whether a network goes on to sequences longer than those it was trained on.
 *
 * Errors: RNNX_OPTION_INVALID for a run that predicts no characters or words, lengths that the split does not hold, or a
 * minibatch of fewer than two.
 */
export async function bitsByLength(
  { model, weights, dataset }: Pick<TrainedRun, 'model' | 'weights' | 'dataset'>,
  { lengths, most, minibatch }: LengthOptions,
): Promise<readonly Point[]> {
  const { task } = dataset;
  const split = dataset.splits.test as TokenSplit;
  if (task.kind !== 'language-model') throw unfit(`a run of ${task.kind}`, 'a run that predicts characters or words');
  if (minibatch !== undefined && !(Number.isSafeInteger(minibatch) && minibatch > 1))
    throw unfit(`minibatches of ${minibatch}`, 'a whole number from 2 up');
  const points: Point[] = [];
  for (const length of lengths) {
    const count = Math.floor(Math.min(split.tokens.length - 1, most) / length);
    if (!Number.isSafeInteger(length) || length < 1 || count < 1)
      throw unfit(`length ${length}`, `whole numbers from 1 to ${Math.min(split.tokens.length - 1, most)}`);
    const size = Math.min(minibatch ?? count, count);
    const passes = Math.floor(count / size);
    let bits = 0;
    for (let n = 0; n < passes; n++) {
      const state = model.initialState(size * evaluationPass(model.monteCarlo).copies);
      const pass = {
        ...evaluationPass(model.monteCarlo),
        rng: createRng(0),
        // Who listens to the minibatch's statistics is normalised by them.
        ...(minibatch !== undefined && { observe: (_: string, value: tf.Tensor) => value.dispose() }),
      };
      const { nll, state: after } = model.score(weights, cut(split, length, n * size, size), state, pass);
      bits += (await nll.data())[0]! / Math.LN2;
      tf.dispose([nll, state, after] as unknown as tf.TensorContainer);
    }
    points.push([length, bits / (passes * size * length)]);
  }
  return points;
}

/** Subsequences beside one another, each predicted from its first token on. */
function cut({ tokens }: TokenSplit, length: number, first: number, count: number) {
  const inputs = new Int32Array(length * count);
  const targets = new Int32Array(length * count);
  for (let n = 0; n < count; n++)
    for (let t = 0; t < length; t++) {
      inputs[t * count + n] = tokens[(first + n) * length + t]!;
      targets[t * count + n] = tokens[(first + n) * length + t + 1]!;
    }
  return { steps: length, batch: count, inputs, targets, mask: null };
}

function unfit(got: string, expected: string): RnnxError {
  return new RnnxError('RNNX_OPTION_INVALID', 'Bits by length cannot be measured', {
    got,
    expected,
    remedy: 'name another run or other lengths',
  });
}
