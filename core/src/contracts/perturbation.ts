import type { Tensor } from '@tensorflow/tfjs';

/**
 * Where a regularizer acts. `layer` counts from 0 at the input; sites marked (model) have no layer.
 *
 * - `embedding` (model): rows of the embedding table, whole word types (Gal); value `[V]`, or `[B, V]` by example
 * - `input`: x_t as it enters the input product, `[B, I]`
 * - `initial`: h_0, where the state begins, on top of a learned first state; value `[1, 1|B, H]`
 * - `recurrent`: h_{t-1} as it enters the recurrent product; the carried state is untouched, `[B, H]`
 * - `preactivation.input`, `preactivation.recurrent`: the two products, `[B, G·H]`
 * - `candidate`: g_t, `[B, H]`
 * - `cell`: c_t as carried to the next step, `[B, H]`
 * - `readout`: the copy of c_t that the output gate reads, `[B, H]`
 * - `hidden`: h_t, going up and onward (NOISIN), `[B, H]`
 * - `output`: h_t going up only (Zaremba), `[B, H]`
 * - `weights.input`, `weights.recurrent`, `weights.output` (model): the matrices themselves
 * - `attention` (model): each product under a tanh of a reader's attention, `[T, B, H]` or, once a sequence, `[B, H]`;
 *   `map` only
 */
export const sites = [
  'embedding',
  'input',
  'initial',
  'recurrent',
  'preactivation.input',
  'preactivation.recurrent',
  'candidate',
  'cell',
  'readout',
  'hidden',
  'output',
  'weights.input',
  'weights.recurrent',
  'weights.output',
  'attention',
] as const;

export type Site = (typeof sites)[number];

/** Where and when a `map` is applied. */
export interface MapContext {
  readonly layer: number;
  /** Time step within the minibatch, or `undefined` where all steps pass at once as `[T, B, ·]`. */
  readonly t: number | undefined;
  /** Value of the same quantity one step earlier, where the site is a state (`hidden`, `cell`). */
  readonly previous?: Tensor;
  /** For the preactivation sites: the operand (already perturbed) and the weight of the product. */
  readonly operand?: Tensor;
  readonly weight?: Tensor;
  /**
   * For `preactivation.recurrent` of cells with several recurrent matrices: which of the G·H columns this product is, from
   * the first up to but not including the end. Absent where it is all of them.
   */
  readonly columns?: readonly [first: number, end: number];
  /** For `attention`: which of the model's `attention` terms this is. */
  readonly term?: string;
}

interface Place {
  readonly site: Site;
  /** Layer from 0 at the input; absent for `embedding`, `weights.output` and `attention`. */
  readonly layer?: number;
  /** For the weight sites of cells with several recurrent matrices: which one. Default: all. */
  readonly weight?: string;
}

/**
 * Batch normalisation of a quantity with N units, each time step and unit by itself:
 *
 *     γ ⊙ (x - mean) / √(variance + ε) + β
 *
 * Without `statistics`, mean and (biased) variance are those of the minibatch, and gradients go through them.
 */
export interface Normalization {
  /** γ, `[N]`. */
  readonly gamma: Tensor;
  /** β, `[N]`; absent for 0. */
  readonly beta?: Tensor;
  /** ε, above 0. */
  readonly epsilon: number;
  /** `[T, B]`: examples of weight 0 are left out of the minibatch's statistics, and normalised like the others. */
  readonly mask?: Tensor;
  /** Those of a population instead of the minibatch's, `[1|T, 1, N]` each; they get no gradient. */
  readonly statistics?: { readonly mean: Tensor; readonly variance: Tensor };
  /**
   * Is given the minibatch's statistics: `[T, 1, n]` each where all steps pass at once (`t` undefined), else `[1, n]`.
   *
   * @param column the first of the n units: above 0 only where a site has several products (see `MapContext.columns`)
   */
  observe?(mean: Tensor, variance: Tensor, t: number | undefined, column: number): void;
}

/**
 * What to do at a site, as data.
 *
 * - `scale`: quantity ⊙ value
 * - `shift`: quantity + value
 * - `retain`: value ⊙ previous + (1 - value) ⊙ next, only where there is a previous value (`hidden`, `cell`): zoneout
 * - `normalize`: batch normalisation, where the quantity is an activation other than `embedding` and `initial`
 * - `map`: any function; slower, never fused
 *
 * Shape of `value` at activation sites: `[1|T, 1|B, N]`, or a scalar. A first dimension of 1 is one draw for the whole
 * sequence, T a draw a step; a second of 1 is shared by the minibatch. `input` and `recurrent` also take
 * `[1|T, 1|B, G, N]`: another mask for each gate. Weight sites: the weight's shape, or `[T, rows, columns]` for a draw a
 * step. `embedding`: `[V]`. The value may be differentiable.
 */
export type Perturbation =
  | (Place & { readonly kind: 'scale' | 'shift' | 'retain'; readonly value: Tensor })
  | (Place & { readonly kind: 'normalize' } & Normalization)
  | (Place & { readonly kind: 'map'; readonly map: (x: Tensor, at: MapContext) => Tensor });
