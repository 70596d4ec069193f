import * as tf from '@tensorflow/tfjs';
import type { Weights } from '../contracts/parameters.js';
import type { ModelShape, PerturbContext } from '../contracts/regularizer.js';
import { SitePlan } from '../recurrence/site-plan.js';
import type { PassOptions } from './model.js';
import { type Owned, scoped } from './regularizers.js';

/** One pass over a sequence, Monte Carlo copies included. */
export interface PassExtent {
  /** T. */
  readonly steps: number;
  /** K·B. */
  readonly rows: number;
  /** Time of the first step since the state began. */
  readonly start: number;
  /** `[T, K·B]`, 1 counts and 0 is padding; `undefined` where all count. */
  readonly mask: tf.Tensor | undefined;
}

/**
 * Asks every regularizer for its perturbations of one minibatch.
 *
 * Errors: RNNX_PERTURBATION_INVALID, RNNX_SITE_UNSUPPORTED.
 *
 * @param model sizes as the regularizers see them
 * @param weights all of the model; each regularizer gets the parameters and statistics under its owner's name
 */
export function planPerturbations(
  regularizers: readonly Owned[],
  model: ModelShape,
  weights: Weights,
  { steps, rows, start, mask }: PassExtent,
  { phase, rng, observe }: PassOptions,
): SitePlan {
  const perturbations = regularizers.flatMap(({ owner, regularizer }) => {
    const context: PerturbContext = {
      phase,
      model,
      batch: rows,
      steps,
      start,
      rng: rng.stream(owner),
      parameters: scoped(weights, owner),
      statistics: phase === 'train' ? {} : scoped(weights, `statistics/${owner}`),
      ...(mask && { mask }),
      ...(observe && { observe: (name, value) => observe(`${owner}/${name}`, tf.keep(tf.clone(value))) }),
    };
    // A value can only depend on the regularizer's own parameters.
    const constant = Object.keys(context.parameters).length === 0;
    return regularizer.perturb(context).map((perturbation) => ({ owner, perturbation, constant }));
  });
  const here = perturbations.filter(({ perturbation }) => perturbation.site !== 'initial' || start === 0);
  return new SitePlan(here, model, steps, rows);
}

/** A mask of the host, `[T·B]`, for K copies: `[T, K·B]`, or `undefined` where every step counts. */
export function tileMask(
  mask: Float32Array | null,
  steps: number,
  batch: number,
  copies: number,
): tf.Tensor | undefined {
  return mask === null ? undefined : tf.tile(tf.tensor2d(mask, [steps, batch]), [1, copies]);
}
