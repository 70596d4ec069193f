import * as tf from '@tensorflow/tfjs';
import { RnnxError } from '../errors.js';
import type { TrainingConfig } from '../experiment/config.js';
import type { AnyMinibatch } from '../model/minibatch.js';
import type { GradientResult, SequenceModel } from '../model/model.js';
import type { Rng } from '../random/rng.js';
import { clipByGlobalNorm } from './clip.js';
import type { Optimizer, OptimizerUpdate } from './optimizers/optimizer.js';
import type { RunState } from './run-state.js';
import { dispose, read, tidied } from './tensors.js';
import type { BatchWindow } from './windows/window-plan.js';

export interface StepInput {
  readonly model: SequenceModel;
  readonly optimizer: Optimizer;
  readonly training: TrainingConfig;
  readonly window: BatchWindow<AnyMinibatch>;
  /** Keyed for this step. */
  readonly rng: Rng;
}

/**
 * One update of the weights, and of the mean of averaged SGD. All numbers are read from the device at once, and nothing in
 * `state` changes before they have passed.
 *
 * Errors: RNNX_NONFINITE.
 *
 * @returns sum of the NLL, wrong predictions (0 where the model does not count them) and norm of the gradient before
 *   clipping
 */
export async function takeStep(
  state: RunState,
  input: StepInput,
): Promise<{ nll: number; errors: number; gradientNorm: number }> {
  const { model, optimizer, training, window, rng } = input;
  const copies = model.monteCarlo.train;
  if (window.fresh || state.carried === undefined) {
    state.dropCarried();
    state.carried = model.initialState(window.batch.batch * copies);
  }
  const scale = 1 / (training.lossReduction === 'sum' ? window.batch.batch : window.count);
  // The training objective averages log-probabilities over the copies, whatever the evaluation does.
  const pass = { phase: 'train', copies, average: 'log-probabilities', rng } as const;
  const shifted = optimizer.lookAhead?.(state.weights, state.slots);
  let result: GradientResult;
  try {
    result = model.lossAndGradients(shifted ?? state.weights, window.batch, state.carried, scale, pass);
  } finally {
    dispose(shifted);
  }

  const { progress } = state;
  let update: OptimizerUpdate | undefined;
  let taken = false;
  try {
    const context = { learningRate: progress.learningRate, step: progress.globalStep + 1 };
    const computed = tidied(() => {
      const { norm, gradients } = clipByGlobalNorm(result.gradients, training.clipNorm);
      const next = optimizer.update(state.weights, state.slots, gradients, context);
      // A sum is finite only if every term is.
      const sum = tf.addN(Object.values(next.weights).map((weight) => tf.sum(weight)));
      const errors = result.errors ?? tf.scalar(0);
      return { next, report: tf.stack([result.nll, result.loss, norm, sum, errors]) };
    });
    update = computed.next;
    const report = [...(await read(computed.report))] as [number, number, number, number, number];
    const [nll, loss, gradientNorm, sum, errors] = report;
    const where = `in epoch ${progress.epoch + 1}, step ${progress.step + 1}`;
    requireFinite('loss', nll + loss, where);
    requireFinite('norm of the gradient', gradientNorm, where);
    requireFinite('sum of the updated weights', sum, where);
    state.takeUpdate(update, result.state);
    taken = true;
    return { nll, errors, gradientNorm };
  } finally {
    dispose(result.nll, result.errors, result.loss, result.gradients);
    if (!taken) dispose(result.state, update);
  }
}

/** Errors: RNNX_NONFINITE. */
export function requireFinite(what: string, value: number, where: string): void {
  if (Number.isFinite(value)) return;
  throw new RnnxError('RNNX_NONFINITE', `The ${what} became ${value} ${where}`, {
    got: String(value),
    expected: 'a finite number',
    remedy: 'lower the learning rate or training.clipNorm; the last checkpoint is from before it happened',
  });
}
