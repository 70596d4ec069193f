import * as tf from '@tensorflow/tfjs';
import type { ParameterSpec, Weights } from '../contracts/parameters.js';
import type { ModelShape, PenaltyContext } from '../contracts/regularizer.js';
import type { Rng } from '../random/rng.js';
import { type InitializerSpec, initializeParameter } from './initializers.js';
import type { GradientResult, PassOptions, PassResult } from './model.js';
import { type Owned, scoped } from './regularizers.js';

/** What a forward pass leaves behind. */
export interface Forward extends PassResult {
  readonly activations: PenaltyContext['activations'];
}

export interface DifferentiatedPass {
  readonly specs: readonly ParameterSpec[];
  readonly weights: Weights;
  readonly shape: ModelShape;
  /** Whose penalties are added. */
  readonly regularizers: readonly Owned[];
  readonly forward: () => Forward;
  readonly lossScale: number;
  readonly options: PassOptions;
}

/** The training pass of a model: `lossScale · nll` and the penalties, with gradients for every parameter. */
export function differentiate(pass: DifferentiatedPass): GradientResult {
  const { specs, weights, lossScale } = pass;
  const names = specs.map(({ name }) => name);
  return tidied(() => {
    let forward: Forward | undefined;
    // Without penalties the scale is where the backward pass begins, which saves operations.
    const penalized = pass.regularizers.some(({ regularizer }) => regularizer.penalty !== undefined);
    const { value, grads } = tf.engine().gradients(
      () => {
        forward = pass.forward();
        // The engine frees what the differentiated function does not return.
        tf.keep(forward.nll);
        if (forward.errors) tf.keep(forward.errors);
        for (const layer of forward.state) for (const tensor of Object.values(layer)) tf.keep(tensor);
        return penalized ? addPenalties(tf.mul(forward.nll, lossScale), forward, pass) : forward.nll;
      },
      names.map((name) => weights[name]!),
      penalized ? undefined : tf.scalar(lossScale),
      true,
    );
    const loss = penalized ? value : tf.mul(forward!.nll, lossScale);
    const gradients: Record<string, tf.Tensor> = {};
    for (const [i, name] of names.entries()) gradients[name] = grads[i] ?? tf.zerosLike(weights[name]!);
    return { loss: loss as tf.Scalar, gradients, ...resultOf(forward!) };
  });
}

function addPenalties(
  loss: tf.Tensor,
  { activations }: Forward,
  { weights, shape, regularizers, options }: DifferentiatedPass,
): tf.Scalar {
  let total = loss;
  for (const { owner, regularizer } of regularizers) {
    const penalty = regularizer.penalty?.({
      phase: options.phase,
      model: shape,
      weights,
      parameters: scoped(weights, owner),
      activations,
    });
    if (penalty !== undefined) total = tf.add(total, penalty);
  }
  return total as tf.Scalar;
}

export function resultOf({ nll, errors, state }: Forward): PassResult {
  return { nll, ...(errors && { errors }), state };
}

/** Fresh parameters by full name; the caller owns them. */
export function initializeAll(
  specs: readonly ParameterSpec[],
  init: InitializerSpec,
  rng: Rng,
): Record<string, tf.Tensor> {
  // Tidy, so that an initialiser that does not suit leaves no tensor behind.
  return tf.tidy(() => {
    const weights: Record<string, tf.Tensor> = {};
    for (const spec of specs) {
      const values = initializeParameter(spec, init, rng.stream(spec.name));
      weights[spec.name] = tf.tensor(values, [...spec.shape]);
    }
    return weights;
  });
}

/** What the regularizers report of their parameters, as `<owner>/<name>`; the caller owns it. */
export function reportAll(regularizers: readonly Owned[], weights: Weights): Record<string, tf.Tensor> {
  return tf.tidy(() => {
    const report: Record<string, tf.Tensor> = {};
    for (const { owner, regularizer } of regularizers)
      for (const [name, value] of Object.entries(regularizer.report?.(scoped(weights, owner)) ?? {}))
        report[`${owner}/${name}`] = tf.clone(value);
    return report;
  });
}

/** `tf.tidy` for results whose type it cannot express. */
export function tidied<T>(run: () => T): T {
  return tf.tidy(() => run() as unknown as tf.TensorContainer) as unknown as T;
}
