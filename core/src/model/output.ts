import * as tf from '@tensorflow/tfjs';
import type { Weights } from '../contracts/parameters.js';
import { splitEvenly, unstackSteps } from '../recurrence/pieces.js';
import type { SitePlan } from '../recurrence/site-plan.js';
import { steppedProduct } from '../recurrence/stepped-product.js';
import { type Likelihood, likelihoods, naturalParameters } from './likelihoods.js';
import type { LabelledMinibatch, Minibatch } from './minibatch.js';
import type { PassOptions, PassResult } from './model.js';
import { averageCopies, countedSum, tileCopies } from './monte-carlo.js';

/** What reaches the output layer. */
export interface OutputInput {
  /** `[T, K·B, H]` */
  readonly top: tf.Tensor3D;
  /** Variance of `top`, for cells that carry a distribution. */
  readonly variance: tf.Tensor3D | undefined;
  readonly plan: SitePlan;
  readonly weights: Weights;
}

/** @param width of a target, `undefined` for tokens */
export function scoreEveryStep(
  { top, variance, plan, weights }: OutputInput,
  likelihood: Likelihood,
  width: number | undefined,
  batch: Minibatch,
  options: PassOptions,
): Pick<PassResult, 'nll'> {
  const targets = tileCopies(batch.targets, batch.steps, batch.batch, width, options.copies);
  const fused = nllOfSteps(top, variance, plan, weights, likelihood, targets);
  if (fused !== undefined) return { nll: countedSum(fused, batch, options) };
  const weight = outputWeight(plan, weights);
  const nllOf = (w: tf.Tensor2D, x: tf.Tensor, v: tf.Tensor | undefined, y: tf.Tensor) =>
    likelihood.nll(flat(x), w, outputBias(weights), y, v && flat(v));
  let nll: tf.Tensor1D; // [T·K·B]
  if (Array.isArray(weight)) {
    const [xs, ys] = [unstackSteps(top), splitEvenly(targets, batch.steps, 0)];
    const vs = variance && unstackSteps(variance);
    nll = tf.concat(xs.map((x, t) => nllOf(weight[t], x, vs?.[t], ys[t]!)));
  } else {
    const plain = variance === undefined && batch.mask === null && options.copies === 1;
    const sum = plain ? likelihood.nllSum?.(flat(top), weight as tf.Tensor2D, outputBias(weights), targets) : undefined;
    if (sum !== undefined) return { nll: sum };
    nll = nllOf(weight as tf.Tensor2D, top, variance, targets);
  }
  return { nll: countedSum(nll, batch, options) };
}

/** Nats per prediction, `[T·K·B]`, where the output weight differs from step to step and one kernel multiplies all of them. */
function nllOfSteps(
  top: tf.Tensor3D,
  variance: tf.Tensor3D | undefined,
  plan: SitePlan,
  weights: Weights,
  likelihood: Likelihood,
  targets: tf.Tensor,
): tf.Tensor1D | undefined {
  if (variance !== undefined || likelihood.ofParameters === undefined) return undefined;
  const product = steppedProduct(plan, 'weights.output', undefined, top, rawOutputWeight(weights), true);
  return product && likelihood.ofParameters(tf.add(flat(product), outputBias(weights)) as tf.Tensor2D, targets);
}

/**
 * One categorical prediction for each sequence that ends in the minibatch, from the state of its last step. The likeliest
 * class is that of the averaged copies.
 */
export function scoreSequenceEnds(
  { top, variance, plan, weights }: OutputInput,
  batch: LabelledMinibatch,
  { copies, average }: PassOptions,
): Required<Pick<PassResult, 'nll' | 'errors'>> {
  const weight = outputWeight(plan, weights);
  const ending = [...batch.ends.keys()].filter((b) => batch.ends[b]! >= 0);
  // Where the weight differs from step to step, so does it from end to end.
  const groups = Array.isArray(weight) ? byEnd(batch.ends, ending) : [ending];
  const parts = groups
    .filter((group) => group.length > 0)
    .map((group) => {
      const rows = rowsOf(group, batch, copies);
      const pick = (x: tf.Tensor3D) => tf.gather(flat(x), rows) as tf.Tensor2D; // [K·N, H]
      const w = stepOf(weight, batch.ends[group[0]!]!);
      const labels = Int32Array.from(group, (b) => batch.labels[b]!);
      const targets = tileCopies(labels, 1, group.length, undefined, copies);
      const hidden = pick(top);
      const bias = outputBias(weights);
      const nll = likelihoods.categorical.nll(hidden, w, bias, targets, variance && pick(variance));
      const averaged = averageCopies(tf.reshape(nll, [-1, 1]), copies, average);
      const classes = averageCopies(tf.neg(tf.logSoftmax(naturalParameters(hidden, w, bias))), copies, average);
      const wrong = tf.notEqual(tf.argMin(classes, 1), tf.tensor1d(labels, 'int32'));
      return { nll: tf.sum(averaged), errors: tf.sum(tf.cast(wrong, 'float32')) };
    });
  if (parts.length === 0) return { nll: tf.scalar(0), errors: tf.scalar(0) };
  return {
    nll: tf.addN(parts.map(({ nll }) => nll)) as tf.Scalar,
    errors: tf.addN(parts.map(({ errors }) => errors)) as tf.Scalar,
  };
}

function byEnd(ends: Int32Array, ending: readonly number[]): number[][] {
  const groups = new Map<number, number[]>();
  for (const b of ending) groups.set(ends[b]!, [...(groups.get(ends[b]!) ?? []), b]);
  return [...groups.values()];
}

/** Rows of `[T·K·B]` at which the sequences end, copy-major. */
function rowsOf(group: readonly number[], { batch, ends }: LabelledMinibatch, copies: number): tf.Tensor1D {
  const rows: number[] = [];
  for (let k = 0; k < copies; k++) for (const b of group) rows.push((ends[b]! * copies + k) * batch + b);
  return tf.tensor1d(rows, 'int32');
}

/** The output matrices that the steps see, `[O, H]`: one for all, or one a step. */
export function outputWeight(plan: SitePlan, weights: Weights): tf.Tensor | readonly tf.Tensor[] {
  return plan.weights('weights.output', undefined, rawOutputWeight(weights));
}

function rawOutputWeight(weights: Weights): tf.Tensor {
  return (weights['output/weight'] ?? weights.embedding)!;
}

export function outputBias(weights: Weights): tf.Tensor1D {
  return weights['output/bias'] as tf.Tensor1D;
}

export function stepOf(weight: tf.Tensor | readonly tf.Tensor[], t: number): tf.Tensor2D {
  return (Array.isArray(weight) ? weight[t] : weight) as tf.Tensor2D;
}

/** `[.., H]` as `[N, H]`. */
function flat(x: tf.Tensor): tf.Tensor2D {
  return tf.reshape(x, [-1, x.shape.at(-1)!]);
}
