import type { TrainingConfig } from '../experiment/config.js';
import type { AnyMinibatch } from '../model/minibatch.js';
import type { GradientResult, SequenceModel } from '../model/model.js';
import type { Rng } from '../random/rng.js';
import { requireErrors } from './evaluate.js';
import type { Optimizer } from './optimizers/optimizer.js';
import type { RunState } from './run-state.js';
import { dispose, disposeReplaced } from './tensors.js';
import { type StartedUpdate, startUpdate } from './update.js';
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
 * One update of the weights, and of the mean of averaged SGD. Nothing in `state` changes where an error comes. What is
 * reported only later, by a device or by a backend that updates in place, does not hold `state` back: it is worthless if the
 * report is an error.
 *
 * Errors: RNNX_NONFINITE; RNNX_SHAPE_MISMATCH where the model does not count what its task is measured by.
 *
 * @returns sum of the NLL, wrong predictions (0 where the model does not count them) and norm of the gradient before
 *   clipping, and how many steps may be taken before they are looked at
 */
export async function takeStep(
  state: RunState,
  input: StepInput,
): Promise<Pick<StartedUpdate, 'report' | 'stepsAhead'>> {
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

  const { progress, weights, slots } = state;
  let taken = false;
  try {
    requireErrors(result, model.task);
    const context = { learningRate: progress.learningRate, step: progress.globalStep + 1 };
    const where = `in epoch ${progress.epoch + 1}, step ${progress.step + 1}`;
    const { clipNorm } = training;
    const started = await startUpdate({ optimizer, weights, slots, result, clipNorm, context, where });
    disposeReplaced(weights, started.weights);
    disposeReplaced(slots, started.slots);
    state.takeUpdate(started, result.state);
    taken = true;
    return started;
  } finally {
    dispose(result.nll, result.errors, result.loss, result.gradients);
    if (!taken) dispose(result.state);
  }
}
