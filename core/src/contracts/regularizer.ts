import type { Scalar, Tensor } from '@tensorflow/tfjs';
import type { Rng } from '../random/rng.js';
import type { OptionalSite } from './cell.js';
import type { ParameterSpec, Weights } from './parameters.js';
import type { Perturbation } from './perturbation.js';
import { token } from './token.js';

/**
 * - `train`: noise on
 * - `evaluate`: the expectation of the noise, deterministic
 * - `sample`: noise on, for Monte Carlo evaluation
 */
export type Phase = 'train' | 'evaluate' | 'sample';

/** Sizes of the model that a regularizer perturbs. */
export interface ModelShape {
  /** Vocabulary size V of token models; `undefined` for dense inputs. */
  readonly vocabularySize: number | undefined;
  /** Which of the optional sites the cell has. */
  readonly sites: readonly OptionalSite[];
  /** Layer 0 is next to the input. */
  readonly layers: readonly LayerShape[];
  /** Shape of the output weight: `[outputs, hiddenSize]` (row per output). */
  readonly outputWeight: readonly [number, number];
  /** What enters a tanh in the attention, and thus the site `attention`; absent where the model has none. */
  readonly attention?: readonly AttentionTerm[];
}

/** One of the products that are summed under a tanh of the attention. */
export interface AttentionTerm {
  /** As `MapContext.term` names it. */
  readonly name: string;
  /** H: its width. */
  readonly size: number;
}

export interface LayerShape {
  readonly inputSize: number;
  readonly hiddenSize: number;
  /** Number of gates G. */
  readonly gates: number;
  readonly inputWeight: { readonly name: string; readonly shape: readonly number[] };
  readonly recurrentWeights: readonly { readonly name: string; readonly shape: readonly number[] }[];
}

export interface PerturbContext {
  readonly phase: Phase;
  readonly model: ModelShape;
  /** B: examples in the minibatch, Monte Carlo copies included. */
  readonly batch: number;
  /** T: time steps in the minibatch. */
  readonly steps: number;
  /**
   * Random numbers of this regularizer for this minibatch: already keyed by seed, regularizer, epoch and step. Take a
   * stream per purpose: `rng.stream('layer-0')`.
   */
  readonly rng: Rng;
  /** The regularizer's own trainable parameters. */
  readonly parameters: Weights;
  /** Time of the minibatch's first step since the state began at zero; default 0. */
  readonly start?: number;
  /** `[T, B]`, 1 counts and 0 is padding; absent where all count. */
  readonly mask?: Tensor;
  /**
   * Present while statistics are being estimated (phase `evaluate`): give it each statistic of this minibatch, to be
   * averaged over the minibatches. It may be called from within a `map`.
   */
  observe?(name: string, value: Tensor): void;
  /** Averages of what was observed over the training split, by name; at `evaluate` and `sample` only. */
  readonly statistics?: Weights;
}

export interface PenaltyContext {
  readonly phase: Phase;
  readonly model: ModelShape;
  /** Every parameter of the model by its full name (`layer-0/recurrent`, `output/weight`, ...), unperturbed. */
  readonly weights: Weights;
  /** The regularizer's own trainable parameters. */
  readonly parameters: Weights;
  readonly activations: readonly LayerActivations[];
}

/** Hidden states of a layer in a minibatch. */
export interface LayerActivations {
  /** As they went on to the next step, `[T, B, H]`. */
  readonly hidden: Tensor;
  /** As they went up: `hidden` after the site `output`. */
  readonly output: Tensor;
  /** h before the first step, `[B, H]`: carried from the minibatch before, or initial. */
  readonly before: Tensor;
  /** `[T, B]`, 1 counts and 0 is padding; absent where all count. */
  readonly mask?: Tensor;
}

/** Monte Carlo copies of every example; each copy has its own noise and carried state. */
export interface MonteCarlo {
  /** K of the training objective, (1/K) Σ_k. */
  readonly train: number;
  /** S of the evaluation; 0 evaluates once with the expectation. */
  readonly evaluate: number;
  /** Average predictive probabilities (then log), or log-probabilities (the bound). */
  readonly average: 'probabilities' | 'log-probabilities';
}

/**
 * Says what to perturb, as data. Asked once a minibatch; keeps nothing between calls.
 */
export interface Regularizer {
  /** Monte Carlo copies it wants; with several regularizers the largest numbers win. */
  readonly monteCarlo?: MonteCarlo;

  /**
   * Whether it evaluates with statistics of the training split (batch normalisation). They are estimated before each
   * evaluation, with parameters fixed, in one pass over at most so many minibatches; `Infinity` for the whole split.
   */
  readonly estimationBatches?: number;

  /** Trainable parameters of its own, such as a learned spread. */
  parameters?(model: ModelShape): readonly ParameterSpec[];

  /** Its parameters as people read them, such as the spread itself instead of its logarithm; scalars by name. */
  report?(parameters: Weights): Readonly<Record<string, Tensor>>;

  /** Perturbations of this minibatch; at `evaluate` those of the expectation, often none. */
  perturb(context: PerturbContext): readonly Perturbation[];

  /** A term added to the training loss (mean per prediction scale), or nothing. */
  penalty?(context: PenaltyContext): Scalar;
}

export const Regularizer = token<Regularizer>('Regularizer');
