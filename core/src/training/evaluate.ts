import * as tf from '@tensorflow/tfjs';
import type { Split, Task } from '../contracts/dataset-provider.js';
import type { Weights } from '../contracts/parameters.js';
import type { MonteCarlo, Phase } from '../contracts/regularizer.js';
import { RnnxError } from '../errors.js';
import type { EvaluationConfig } from '../experiment/config.js';
import type { ModelState, PassResult, SequenceModel } from '../model/model.js';
import type { Rng } from '../random/rng.js';
import type { Score } from './events.js';
import { evaluationWindows } from './minibatches.js';
import { dispose, read } from './tensors.js';

/** Windows whose results are read from the device at once. */
const readEvery = 16;

export interface EvaluateOptions {
  /** Rejects with the signal's reason at the next window. */
  readonly signal?: AbortSignal;
  /** Of the split, for messages. */
  readonly name?: string;
}

/**
 * Exact score of a split: each prediction counts once, with the state carried (see `evaluationWindows`).
 *
 * With `monteCarlo.evaluate` 0 the noise is replaced by its expectation; otherwise S copies, each with its own noise and
 * carried state, are averaged as `monteCarlo.average` says.
 *
 * Errors: RNNX_DATA_TOO_SMALL, RNNX_SHAPE_MISMATCH.
 *
 * @param weights stay the caller's
 * @param rng keyed for this evaluation; without Monte Carlo copies it has no influence
 */
export async function evaluate(
  model: SequenceModel,
  weights: Weights,
  split: Split,
  evaluation: EvaluationConfig,
  rng: Rng,
  options: EvaluateOptions = {},
): Promise<Score> {
  const plan = evaluationWindows(split, model.task, evaluation, options.name);
  const pass = evaluationPass(model.monteCarlo);
  let state: ModelState | undefined;
  let pending: tf.Scalar[] = [];
  const totals = { nll: 0, errors: 0, count: 0 };
  try {
    for (let index = 0; index < plan.length; index++) {
      // Promises alone would keep the process from seeing signals and timers.
      await tf.nextFrame();
      options.signal?.throwIfAborted();
      const window = plan.at(index);
      if (window.fresh || state === undefined) {
        dispose(state);
        state = model.initialState(window.batch.batch * pass.copies);
      }
      const result = model.score(weights, window.batch, state, { ...pass, rng: rng.stream(`step-${index + 1}`) });
      dispose(state);
      state = result.state;
      pending.push(result.nll, result.errors ?? tf.scalar(0));
      requireErrors(result, model.task);
      totals.count += window.count;
      if (pending.length === 2 * readEvery || index === plan.length - 1) {
        const stacked = tf.stack(pending);
        dispose(pending);
        pending = [];
        // Summed in double precision: a float32 sum over a whole split would lose digits.
        for (const [i, value] of (await read(stacked)).entries()) totals[i % 2 === 0 ? 'nll' : 'errors'] += value;
      }
    }
  } finally {
    dispose(state);
    dispose(pending);
  }
  return toScore(totals, model.task);
}

/** What is summed over the predictions of a split. */
export interface Totals {
  /** Nats. */
  readonly nll: number;
  /** Wrong predictions, where the model counts them. */
  readonly errors?: number;
  /** Predictions. */
  readonly count: number;
}

/** Totals as a score in the task's metric. */
export function toScore({ nll: sum, errors = 0, count }: Totals, task: Task): Score {
  const nll = sum / count;
  switch (task.metric) {
    case 'perplexity':
      return { nll, metric: Math.exp(nll), count };
    case 'bits-per-character':
      return { nll, metric: nll / Math.LN2, count };
    case 'nll-per-step':
      return { nll, metric: nll, count };
    case 'error-rate':
      return { nll, metric: (100 * errors) / count, count, errors };
  }
}

/** Errors: RNNX_SHAPE_MISMATCH where a pass lacks the number of wrong predictions that the task is measured by. */
export function requireErrors({ errors }: PassResult, task: Task): void {
  if (errors !== undefined || task.metric !== 'error-rate') return;
  throw new RnnxError('RNNX_SHAPE_MISMATCH', 'The model does not count its wrong predictions', {
    got: 'a pass without "errors"',
    expected: `their number, since the task "${task.kind}" is measured by its error rate`,
    remedy: 'let lossAndGradients and score return it',
  });
}

/** Phase and copies of an evaluation. */
export function evaluationPass(monteCarlo: MonteCarlo): {
  readonly phase: Phase;
  readonly copies: number;
  readonly average: MonteCarlo['average'];
} {
  const { evaluate: copies, average } = monteCarlo;
  return copies === 0 ? { phase: 'evaluate', copies: 1, average } : { phase: 'sample', copies, average };
}
