import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import type { FusedCell, FusedMoments } from '../recurrence/fused.js';
import type { ParameterSpec, Weights } from './parameters.js';
import { token } from './token.js';

/** Named state, each entry `[B, H]`; every cell has `h`, which goes up to the next layer and on to the next step. */
export type CellState = { readonly h: Tensor2D } & Readonly<Record<string, Tensor2D>>;

/**
 * The places inside a step at which regularizers may act. A cell calls them where its equations have the quantity; it
 * never sees a mask.
 */
export interface CellSites {
  /**
   * The recurrent product `operand · W`, shape `[B, cols(W)]`. The site `recurrent` perturbs the operand as it enters
   * the product, never the carried state; `preactivation.recurrent` perturbs the result.
   *
   * @param operand `[B, H]`, usually the previous `h`
   * @param weight name of a parameter that the cell lists under `recurrentWeights`
   */
  recurrent(operand: Tensor2D, weight: string): Tensor2D;
  /** Site `candidate`: the candidate update g_t, `[B, H]`. */
  candidate(g: Tensor2D): Tensor2D;
  /** For cells with `moments`: the variance of `x`, `[B, G·H]`. */
  readonly inputVariance?: Tensor2D;
  /** Site `readout`: the copy of c_t that the output gate reads, `[B, H]`. */
  readout(c: Tensor2D): Tensor2D;
}

export interface CellLayout {
  /** All parameters of one layer. */
  readonly parameters: readonly ParameterSpec[];
  /** Name of the parameter `[inputSize, columns]` that multiplies the input (site `weights.input`). */
  readonly inputWeight: string;
  /** Name of the parameter `[columns]` added to the input product of all steps at once, where there is one. */
  readonly inputBias?: string;
  /** Names of the parameters that multiply recurrent operands (site `weights.recurrent`). */
  readonly recurrentWeights: readonly string[];
  /**
   * Gates side by side in the columns of the input weight, in order; their number is G. The columns of the recurrent
   * weights, taken one after another, are the same gates in the same order.
   */
  readonly gates: readonly string[];
}

/** Sites that exist only where the cell's equations have them; the others exist in every model. */
export type OptionalSite = 'candidate' | 'readout' | 'cell';

/** Mean and variance of independent units, `[.., N]` each. */
export interface Moments {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/**
 * For cells that carry a distribution instead of a value (fast dropout): `h` is the mean, another state its variance, and
 * both go up to the next layer and to the output layer.
 */
export interface CellMoments {
  /** Name of the state that holds the variance of `h`. */
  readonly varianceState: string;
  /** Moments of the units as they enter the input product; `variance` is `undefined` for data. */
  input(mean: Tensor, variance: Tensor | undefined): Moments;
  /** Moments of the units of the last layer as they enter the output layer. */
  output(mean: Tensor, variance: Tensor): Moments;
  /** Set where the step is one that backends may run as a single kernel for all steps. */
  readonly fused?: FusedMoments;
}

/**
 * One recurrent layer's transition. Looping over time lives in the unroll; so does the input product of all steps, which
 * is one matrix product for the whole sequence. A cell therefore receives `x_t · W_x` and not `x_t`.
 *
 * Implementations are pure: no tensor, mask or counter is kept between calls.
 */
export interface Cell {
  /** Which of the optional sites the cell calls (`candidate`, `readout`) or has (`cell`: a state named `c`). */
  readonly sites: readonly OptionalSite[];
  /** State names, `h` among them; each is `[B, hiddenSize]` and starts at zero. */
  readonly stateNames: readonly string[];

  readonly moments?: CellMoments;
  /** Set where the step is one of the recurrences that backends may run as a single kernel. */
  readonly fused?: FusedCell;

  /** Declares one layer's parameters. */
  build(inputSize: number, hiddenSize: number): CellLayout;

  /**
   * One step.
   *
   * @param x the input's product `x_t · W_x`, `[B, G·H]`, with `inputBias` already added
   * @param state the previous state
   * @param weights the layer's parameters by name
   * @returns the next state, with the same names
   */
  step(x: Tensor2D, state: CellState, weights: Weights, sites: CellSites): CellState;
}

export const Cell = token<Cell>('Cell');
