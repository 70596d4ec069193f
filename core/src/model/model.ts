import type * as tf from '@tensorflow/tfjs';
import type { Task } from '../contracts/dataset-provider.js';
import type { ParameterSpec, Weights } from '../contracts/parameters.js';
import type { ModelShape, MonteCarlo, Phase } from '../contracts/regularizer.js';
import type { Rng } from '../random/rng.js';
import type { AnyMinibatch, Minibatch } from './minibatch.js';

/** Named state of one layer, each `[B, H]`. */
export type LayerState = Readonly<Record<string, tf.Tensor2D>>;

/** One entry a layer, layer 0 next to the input. */
export type ModelState = readonly LayerState[];

export interface PassOptions {
  readonly phase: Phase;
  /**
   * K Monte Carlo copies; the state holds `B·copies` examples, copy-major: example b of copy k is row `k·B + b`.
   */
  readonly copies: number;
  /** What is averaged over the copies. */
  readonly average: MonteCarlo['average'];
  /** Keyed for this minibatch. */
  readonly rng: Rng;
  /** Receives the statistics of this minibatch by full name; the caller owns them. Only for models that estimate. */
  observe?(name: string, value: tf.Tensor): void;
}

export interface PassResult {
  /** Sum of the NLL in nats over the counted predictions, averaged over copies as `average` says. */
  readonly nll: tf.Scalar;
  /** Predictions among them whose likeliest answer is wrong; for tasks measured by their error rate. */
  readonly errors?: tf.Scalar;
  /** State after the last step. */
  readonly state: ModelState;
}

export interface GradientResult extends PassResult {
  /** What was differentiated: `lossScale · nll` and the penalties. */
  readonly loss: tf.Scalar;
  /** By full parameter name. */
  readonly gradients: Record<string, tf.Tensor>;
}

/** A model over sequences: functions of weights, minibatch and carried state. It keeps no tensor. */
export interface SequenceModel {
  readonly task: Task;
  readonly shape: ModelShape;
  /** Every parameter with its full name (`layer-0/recurrent`). */
  readonly specs: readonly ParameterSpec[];
  /** Combined over the regularizers; `{ train: 1, evaluate: 0 }` without. */
  readonly monteCarlo: MonteCarlo;
  /**
   * Minibatches of the training split over which statistics are estimated before an evaluation; 0 for models without.
   * The averages are then passed beside the parameters in `weights`, as `statistics/<name>`.
   */
  readonly estimationBatches: number;

  /** Scalars of the regularizers as people read them, such as learned spreads (`noisin/spread-0`); the caller owns them. */
  report(weights: Weights): Record<string, tf.Tensor>;

  /** Fresh parameters by full name; the caller owns them. */
  initialize(rng: Rng): Record<string, tf.Tensor>;

  /** Zero state for `batch` examples, Monte Carlo copies included; the caller owns it. */
  initialState(batch: number): ModelState;

  /**
   * Training pass. `lossScale` multiplies the sum of the NLL (1/B for `sum`, one over the predictions for `mean`);
   * penalties are added on top. The caller owns every tensor of the result and keeps `weights` and `state`.
   */
  lossAndGradients(
    weights: Weights,
    batch: AnyMinibatch,
    state: ModelState,
    lossScale: number,
    options: PassOptions,
  ): GradientResult;

  /** The NLL of a minibatch without gradients. The caller owns the result. */
  score(weights: Weights, batch: AnyMinibatch, state: ModelState, options: PassOptions): PassResult;

  /** Log-probabilities of the token after the minibatch, `[B, V]`; token tasks only. The caller owns the result. */
  nextLogProbabilities(
    weights: Weights,
    batch: Minibatch,
    state: ModelState,
    options: PassOptions,
  ): { logProbabilities: tf.Tensor2D; state: ModelState };
}
