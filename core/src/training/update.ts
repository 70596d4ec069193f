import * as tf from '@tensorflow/tfjs';
import type { Weights } from '../contracts/parameters.js';
import { RnnxError } from '../errors.js';
import type { GradientResult } from '../model/model.js';
import { fusedKernels } from '../recurrence/fused.js';
import { clipByGlobalNorm } from './clip.js';
import { gradientOf, type Optimizer, type OptimizerUpdate, type UpdateContext } from './optimizers/optimizer.js';
import { disposeReplaced, read, tidied } from './tensors.js';

export interface UpdateInput {
  readonly optimizer: Optimizer;
  readonly weights: Weights;
  readonly slots: Weights;
  /** Loss and gradients at `optimizer.lookAhead`, or at the weights. */
  readonly result: Pick<GradientResult, 'nll' | 'errors' | 'loss' | 'gradients'>;
  /** Largest norm of the gradient, `null` for none. */
  readonly clipNorm: number | null;
  readonly context: UpdateContext;
  /** For the message: "in epoch 1, step 2". */
  readonly where: string;
}

/** What an update has found, known once its kernels have run. */
export interface UpdateReport {
  readonly nll: number;
  /** 0 where the result has none. */
  readonly errors: number;
  /** Before clipping. */
  readonly gradientNorm: number;
}

export interface Updated extends OptimizerUpdate, UpdateReport {}

/** An update whose numbers may still be on their way. */
export interface StartedUpdate extends OptimizerUpdate {
  /**
   * Where the update is the host's own, whoever asks for it waits, and works.
   *
   * Errors: RNNX_NONFINITE, then weights and slots are worthless; those of the device.
   */
  readonly report: PromiseLike<UpdateReport>;
  /** Updates that may be started before the report is looked at; 0 where it is there already. */
  readonly stepsAhead: number;
}

/**
 * Clips the gradients by their global norm, updates weights and slots, and checks that loss, norm and new weights are finite.
 *
 * On success `weights` and `slots` are used up: the result has their successors, some of which may be the same tensors with
 * new values. After an error the caller has what it gave, and its values are as before, with one exception: a backend that
 * updates in place checks loss and norm before, but the new weights only as it writes them.
 *
 * Where a backend has kernels for it, the gradient's norm is added up in double precision: an update whose gradient is not
 * clipped has the same bits as one in tfjs ops, a clipped one differs by the rounding of the clipping factor.
 *
 * Errors: RNNX_NONFINITE; RNNX_SHAPE_MISMATCH where a gradient does not fit its weight.
 */
export async function updateWeights(input: UpdateInput): Promise<Updated> {
  const { weights, slots, report } = await startUpdate(input);
  try {
    const numbers = await report;
    disposeReplaced(input.weights, weights);
    disposeReplaced(input.slots, slots);
    return { weights, slots, ...numbers };
  } catch (error) {
    disposeReplaced(weights, input.weights);
    disposeReplaced(slots, input.slots);
    throw error;
  }
}

/**
 * `updateWeights` without waiting for a device. The caller owns both what it gave and the result, which may share tensors.
 *
 * Errors: those of `updateWeights` where they are known at once, otherwise from the report.
 */
export async function startUpdate(input: UpdateInput): Promise<StartedUpdate> {
  const later = updateOnDevice(input) ?? updateInPlace(input);
  if (later !== undefined) return later;
  const { weights, slots, ...report } = await updateByOps(input);
  return { weights, slots, report: Promise.resolve(report), stepsAhead: 0 };
}

function updateInPlace(input: UpdateInput): StartedUpdate | undefined {
  const { optimizer, weights, slots, result, clipNorm, context, where } = input;
  const kernels = fusedKernels().optimizer;
  if (kernels === undefined || optimizer.rule === undefined) return undefined;
  const gradients: Record<string, tf.Tensor> = {};
  for (const [name, weight] of Object.entries(weights)) gradients[name] = gradientOf(name, weight, result.gradients);
  const { rule } = optimizer;
  const clipped = Object.values(result.gradients);
  const losses = [result.nll, result.loss] as const;
  const { errors } = result;
  const update = kernels.update({ rule, weights, slots, gradients, clipped, clipNorm, losses, errors, context });
  if (update === undefined) return undefined;
  const report = whenAsked((): UpdateReport => {
    const { squaredNorm, finite, losses, errors } = update.outcome();
    const [nll, loss] = losses;
    // float32, as the composed path has it: above its range infinite.
    const gradientNorm = Math.fround(Math.sqrt(Math.fround(squaredNorm)));
    requireFinite('loss', nll + loss, where);
    requireFinite('norm of the gradient', gradientNorm, where);
    requireFinite('sum of the updated weights', finite ? 0 : Number.NaN, where);
    return { nll, errors, gradientNorm };
  });
  return { weights: update.weights, slots: update.slots, report, stepsAhead: kernels.stepsAhead };
}

/** What is worked out when somebody first waits for it, and not otherwise. */
function whenAsked<T>(work: () => T): PromiseLike<T> {
  let asked: Promise<T> | undefined;
  return {
    // biome-ignore lint/suspicious/noThenProperty: to be awaited is what it is for.
    then(fulfilled, rejected) {
      asked ??= new Promise((resolve) => resolve(work()));
      return asked.then(fulfilled, rejected);
    },
  };
}

/** All numbers are read at once. */
async function updateByOps(input: UpdateInput): Promise<Updated> {
  const { optimizer, weights, slots, result, clipNorm, context, where } = input;
  const { update, report } = tidied(() => {
    const { norm, gradients } = clipByGlobalNorm(result.gradients, clipNorm);
    const update = optimizer.update(weights, slots, gradients, context);
    // A sum is finite only if every term is.
    const sum = tf.addN(Object.values(update.weights).map((weight) => tf.sum(weight)));
    return { update, report: tf.stack([...scalarsOf(result), sum, norm]) };
  });
  try {
    return { ...update, ...(await readReport(report, where)) };
  } catch (error) {
    tf.dispose([update.weights, update.slots]);
    throw error;
  }
}

function updateOnDevice(input: UpdateInput): StartedUpdate | undefined {
  const { optimizer, weights, slots, result, clipNorm, context, where } = input;
  const { rule } = optimizer;
  const kernels = fusedKernels().deviceUpdates;
  if (kernels === undefined || rule === undefined) return undefined;
  const gradients: Record<string, tf.Tensor> = {};
  for (const [name, weight] of Object.entries(weights)) gradients[name] = gradientOf(name, weight, result.gradients);
  const started = tidied(() => {
    const clipped = Object.values(result.gradients);
    const update = kernels.update({ rule, weights, slots, gradients, clipped, clipNorm, context });
    return update && { ...update, report: tf.concat([tf.stack(scalarsOf(result)), update.report]) };
  });
  if (started === undefined) return undefined;
  const report = readReport(started.report, where);
  // Whoever waits for it hears of a failure; the process should not, should nobody.
  report.catch(() => undefined);
  return { weights: started.weights, slots: started.slots, report, stepsAhead: kernels.stepsAhead };
}

/** @param report `[5]`: NLL, loss, wrong predictions, what is finite if all new weights are, and norm; disposed */
async function readReport(report: tf.Tensor, where: string): Promise<UpdateReport> {
  const [nll, loss, errors, check, gradientNorm] = [...(await read(report))] as [
    number,
    number,
    number,
    number,
    number,
  ];
  requireFinite('loss', nll + loss, where);
  requireFinite('norm of the gradient', gradientNorm, where);
  requireFinite('sum of the updated weights', check, where);
  return { nll, errors, gradientNorm };
}

function scalarsOf({ nll, loss, errors }: UpdateInput['result']): [tf.Scalar, tf.Scalar, tf.Scalar] {
  return [nll, loss, errors ?? tf.scalar(0)];
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
