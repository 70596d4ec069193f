import { createRng, evaluationPass, RnnxError, type TokenSplit } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { Point } from '../report/chart.js';
import type { TrainedRun } from '../trained.js';

/**
 * Bits per character against the length of the subsequences that a split is cut into, the state fresh at the start of each
 * (Cooijmans et al. 2016, figure 4b): whether a network goes on to sequences longer than those it was trained on.
 *
 * Errors: RNNX_OPTION_INVALID for a run that predicts no characters or words, or lengths that the split does not hold.
 *
 * @param lengths in predictions
 * @param most characters read for each length, from the start of the split
 */
export async function bitsByLength(
  { model, weights, dataset }: Pick<TrainedRun, 'model' | 'weights' | 'dataset'>,
  lengths: readonly number[],
  most: number,
): Promise<readonly Point[]> {
  const { task } = dataset;
  const split = dataset.splits.test as TokenSplit;
  if (task.kind !== 'language-model') throw unfit(`a run of ${task.kind}`, 'a run that predicts characters or words');
  const points: Point[] = [];
  for (const length of lengths) {
    const count = Math.floor(Math.min(split.tokens.length - 1, most) / length);
    if (!Number.isSafeInteger(length) || length < 1 || count < 1)
      throw unfit(`length ${length}`, `whole numbers from 1 to ${Math.min(split.tokens.length - 1, most)}`);
    const inputs = new Int32Array(length * count);
    const targets = new Int32Array(length * count);
    for (let n = 0; n < count; n++)
      for (let t = 0; t < length; t++) {
        inputs[t * count + n] = split.tokens[n * length + t]!;
        targets[t * count + n] = split.tokens[n * length + t + 1]!;
      }
    const pass = { ...evaluationPass(model.monteCarlo), rng: createRng(0) };
    const batch = { steps: length, batch: count, inputs, targets, mask: null };
    const state = model.initialState(count * pass.copies);
    const { nll, state: after } = model.score(weights, batch, state, pass);
    const [sum] = await nll.data();
    tf.dispose([nll, state, after] as unknown as tf.TensorContainer);
    points.push([length, sum! / (count * length) / Math.LN2]);
  }
  return points;
}

function unfit(got: string, expected: string): RnnxError {
  return new RnnxError('RNNX_OPTION_INVALID', 'Bits by length cannot be measured', {
    got,
    expected,
    remedy: 'name another run or other lengths',
  });
}
