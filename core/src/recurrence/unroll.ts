import * as tf from '@tensorflow/tfjs';
import type { Cell, CellLayout, CellSites, CellState } from '../contracts/cell.js';
import type { Weights } from '../contracts/parameters.js';
import { RnnxError } from '../errors.js';
import { fusedKernels } from './fused.js';
import { splitEvenly, unstackSteps } from './pieces.js';
import { sharedProduct } from './shared-product.js';
import type { SitePlan } from './site-plan.js';
import { steppedProduct } from './stepped-product.js';

export interface UnrolledLayer {
  /** Hidden states as they went on to the next step, `[T, B, H]`. */
  readonly hidden: tf.Tensor3D;
  /** What goes up to the next layer: `hidden` after the site `output`. */
  readonly output: tf.Tensor3D;
  /** Variance of `output`, for cells with `moments`. */
  readonly variance: tf.Tensor3D | undefined;
  readonly state: CellState;
}

/**
 * Runs one layer over a sequence, whatever the cell: h_t and its kin for t = 1..T, with every perturbation of the plan at
 * its site. The input product of all steps is one matrix product. Call it inside a tidy scope.
 *
 * Errors: RNNX_SHAPE_MISMATCH where a cell returns a state of another shape or name.
 *
 * @param x `[T, B, I]`
 * @param variance of `x`, where a layer below has one
 * @param state the state before the first step, each `[B, H]`
 */
export function unroll(
  cell: Cell,
  layout: CellLayout,
  weights: Weights,
  x: tf.Tensor3D,
  state: CellState,
  plan: SitePlan,
  layer: number,
  variance?: tf.Tensor3D,
): UnrolledLayer {
  const operand = cell.moments?.input(x, variance);
  const mean = (operand?.mean ?? x) as tf.Tensor3D;
  const raw = inputProduct(layout, weights, mean, plan, layer);
  const start = begin(state, plan, layer);
  const normalized = runNormalized(cell, layout, weights, raw.product, start, plan, layer);
  const product = normalized === undefined ? finishInputProduct(layout, weights, raw, plan, layer) : raw.product;
  const fused = normalized ?? runFused(cell, layout, weights, product, start, plan, layer);
  if (fused !== undefined)
    return {
      ...fused,
      output: plan.applyToSequence('output', layer, fused.hidden) as tf.Tensor3D,
      variance: undefined,
    };
  const spread = operand && timesAll(operand.variance as tf.Tensor3D, tf.square(weights[layout.inputWeight]!));
  const moments = spread && runMoments(cell, weights, product, spread, start, plan, layer);
  if (moments !== undefined)
    return { ...moments, output: plan.applyToSequence('output', layer, moments.hidden) as tf.Tensor3D };
  const products = unstackSteps(product) as tf.Tensor2D[];
  const spreads = spread && (unstackSteps(spread) as tf.Tensor2D[]);
  const recurrent = recurrentProducts(layout, weights, plan, layer);
  const hidden: tf.Tensor2D[] = [];
  const variances: tf.Tensor2D[] = [];
  let current = start;
  for (const [t, product] of products.entries()) {
    const previous = current;
    const sites: CellSites = {
      recurrent: (operand, weight) => recurrent(operand, weight, t),
      candidate: (g) => plan.applyToStep('candidate', layer, g, { t }),
      readout: (c) => plan.applyToStep('readout', layer, c, { t }),
      ...(spreads && { inputVariance: spreads[t]! }),
    };
    const next = cell.step(product, previous, weights, sites);
    checkState(cell, previous, next);
    current = perturbState(plan, layer, t, previous, next);
    hidden.push(current.h);
    if (cell.moments) variances.push(current[cell.moments.varianceState]!);
  }
  const stacked = tf.stack(hidden, 0) as tf.Tensor3D;
  return {
    hidden: stacked,
    output: plan.applyToSequence('output', layer, stacked) as tf.Tensor3D,
    variance: cell.moments && (tf.stack(variances, 0) as tf.Tensor3D),
    state: current,
  };
}

/** The whole sequence as one kernel, where the backend has it and every perturbation is one that it knows. */
function runFused(
  cell: Cell,
  layout: CellLayout,
  weights: Weights,
  product: tf.Tensor,
  state: CellState,
  plan: SitePlan,
  layer: number,
): { hidden: tf.Tensor3D; state: CellState } | undefined {
  const { sequence } = fusedKernels();
  if (sequence === undefined || cell.fused === undefined) return undefined;
  const perturbations = plan.insideRecurrence(layer);
  if (perturbations === undefined) return undefined;
  const perturbed: Record<string, tf.Tensor> = { ...weights };
  for (const name of layout.recurrentWeights) {
    const stepped = plan.steppedWeight('weights.recurrent', layer, weights[name]!, name);
    if (stepped === undefined) return undefined;
    perturbed[name] = stepped.weight;
    for (const each of stepped.perturbations) perturbations.push({ site: 'weights.recurrent', weight: name, ...each });
  }
  const request = { cell: cell.fused, product: product as tf.Tensor3D, weights: perturbed, state, perturbations };
  return sequence(request) as { hidden: tf.Tensor3D; state: CellState } | undefined;
}

/** The same where the products are batch-normalised, which is then the kernel's as well. */
function runNormalized(
  cell: Cell,
  layout: CellLayout,
  weights: Weights,
  product: tf.Tensor,
  state: CellState,
  plan: SitePlan,
  layer: number,
): { hidden: tf.Tensor3D; state: CellState } | undefined {
  const { normalizedSequence } = fusedKernels();
  if (normalizedSequence === undefined || cell.fused === undefined) return undefined;
  const normalizations = plan.normalizations(layer);
  if (normalizations === undefined) return undefined;
  const perturbed: Record<string, tf.Tensor> = { ...weights };
  for (const name of layout.recurrentWeights) {
    const weight = plan.weights('weights.recurrent', layer, weights[name]!, name);
    if (Array.isArray(weight)) return undefined;
    perturbed[name] = weight as tf.Tensor;
  }
  return normalizedSequence({
    readout: undefined,
    ...normalizations,
    cell: cell.fused,
    product: product as tf.Tensor3D,
    bias: layout.inputBias === undefined ? undefined : (weights[layout.inputBias] as tf.Tensor1D),
    weights: perturbed,
    state,
  }) as { hidden: tf.Tensor3D; state: CellState } | undefined;
}

/** The same for cells that carry moments, where nothing perturbs them inside the recurrence. */
function runMoments(
  cell: Cell,
  weights: Weights,
  product: tf.Tensor,
  spread: tf.Tensor,
  state: CellState,
  plan: SitePlan,
  layer: number,
): Pick<UnrolledLayer, 'hidden' | 'variance' | 'state'> | undefined {
  const { momentSequence } = fusedKernels();
  const { fused, varianceState } = cell.moments!;
  if (momentSequence === undefined || fused === undefined) return undefined;
  if (plan.insideRecurrence(layer)?.length !== 0 || plan.has('weights.recurrent', layer)) return undefined;
  const moments = momentSequence({
    cell: fused,
    product: product as tf.Tensor3D,
    variance: spread as tf.Tensor3D,
    recurrent: weights[fused.recurrent] as tf.Tensor2D,
    state: { mean: state.h, variance: state[varianceState]! },
  });
  if (moments === undefined) return undefined;
  const { mean, variance } = moments;
  return { hidden: mean, variance, state: { h: lastStep(mean), [varianceState]: lastStep(variance) } };
}

function lastStep(x: tf.Tensor3D): tf.Tensor2D {
  return tf.squeeze(tf.slice(x, [x.shape[0] - 1, 0, 0], [1, -1, -1]), [0]);
}

/** The site `initial`, where the plan says that the state begins here. */
function begin(state: CellState, plan: SitePlan, layer: number): CellState {
  if (!plan.has('initial', layer)) return state;
  return { ...state, h: plan.applyToStep('initial', layer, state.h, { t: 0 }) };
}

function perturbState(plan: SitePlan, layer: number, t: number, previous: CellState, next: CellState): CellState {
  const state: Record<string, tf.Tensor2D> = { ...next };
  if (plan.has('hidden', layer)) state.h = plan.applyToStep('hidden', layer, next.h, { t, previous: previous.h });
  if (next.c !== undefined && plan.has('cell', layer))
    state.c = plan.applyToStep('cell', layer, next.c, { t, previous: previous.c! });
  return state as CellState;
}

interface InputProduct {
  /** `[T, B, columns]`. */
  readonly product: tf.Tensor;
  readonly operand: tf.Tensor;
  /** Absent where it differs from step to step. */
  readonly weight: tf.Tensor | undefined;
  /** It is finished: nothing acts on it, and the bias is in. */
  readonly finished?: boolean;
}

/** `x · W_x` of all steps, before the site `preactivation.input`. */
function inputProduct(
  layout: CellLayout,
  weights: Weights,
  x: tf.Tensor3D,
  plan: SitePlan,
  layer: number,
): InputProduct {
  const raw = weights[layout.inputWeight]!;
  const masked = maskedProduct(layout, raw, x, plan, layer);
  if (masked !== undefined) return masked;
  const perGate = plan.operandsByGate('input', layer, x, [0, layout.gates.length], { t: undefined });
  const operand = perGate === undefined ? plan.applyToSequence('input', layer, x) : x;
  if (perGate === undefined) {
    const product = steppedProduct(plan, 'weights.input', layer, operand as tf.Tensor3D, raw, false);
    if (product !== undefined) return { product, operand, weight: undefined };
  }
  const weight = plan.weights('weights.input', layer, raw, layout.inputWeight);
  const finished =
    perGate === undefined && !Array.isArray(weight)
      ? finishedProduct(layout, weights, operand, weight as tf.Tensor2D, plan, layer)
      : undefined;
  if (finished !== undefined) return finished;
  const times = (x: tf.Tensor, w: MaybeStepwise) => timesAll(x as tf.Tensor3D, w);
  const product = perGate === undefined ? times(operand, weight) : byGate(perGate, weight, times);
  return { product, operand, weight: Array.isArray(weight) ? undefined : (weight as tf.Tensor) };
}

/** The same where gates have masks of their own and nothing else acts, as one kernel. */
function maskedProduct(
  layout: CellLayout,
  raw: tf.Tensor,
  x: tf.Tensor3D,
  plan: SitePlan,
  layer: number,
): InputProduct | undefined {
  const { gatedProduct } = fusedKernels();
  if (gatedProduct === undefined || plan.has('preactivation.input', layer)) return undefined;
  const found = plan.maskedByGate(layer, x);
  if (found === undefined) return undefined;
  const weight = plan.weights('weights.input', layer, raw, layout.inputWeight);
  if (Array.isArray(weight)) return undefined;
  const product = gatedProduct(found.x, found.masks, weight as tf.Tensor2D, found.learned);
  return product && { product, operand: x, weight: weight as tf.Tensor };
}

/** With the bias, as one kernel, where nothing comes in between. */
function finishedProduct(
  layout: CellLayout,
  weights: Weights,
  operand: tf.Tensor,
  weight: tf.Tensor2D,
  plan: SitePlan,
  layer: number,
): InputProduct | undefined {
  const { linear } = fusedKernels();
  const { inputBias } = layout;
  if (linear === undefined || inputBias === undefined || plan.has('preactivation.input', layer)) return undefined;
  const product = linear(operand as tf.Tensor3D, weight, weights[inputBias] as tf.Tensor1D);
  return product && { product, operand, weight, finished: true };
}

/** The product after its site, and with the bias. */
function finishInputProduct(
  layout: CellLayout,
  weights: Weights,
  { product, operand, weight, finished }: InputProduct,
  plan: SitePlan,
  layer: number,
): tf.Tensor {
  if (finished) return product;
  const perturbed = plan.has('preactivation.input', layer)
    ? plan.applyToSequence('preactivation.input', layer, product, { operand, ...(weight && { weight }) })
    : product;
  return layout.inputBias === undefined ? perturbed : tf.add(perturbed, weights[layout.inputBias]!);
}

type MaybeStepwise = tf.Tensor | readonly tf.Tensor[];

function timesAll(x: tf.Tensor3D, weight: MaybeStepwise): tf.Tensor {
  const [steps, batch, size] = x.shape;
  if (Array.isArray(weight)) return tf.matMul(x, tf.stack(weight as tf.Tensor[], 0));
  return tf.reshape(tf.matMul(tf.reshape(x, [steps * batch, size]), weight as tf.Tensor2D), [steps, batch, -1]);
}

/** Another operand for each gate: each times its own columns, side by side. */
function byGate(
  operands: readonly tf.Tensor[],
  weight: MaybeStepwise,
  times: (operand: tf.Tensor, weight: MaybeStepwise) => tf.Tensor,
): tf.Tensor {
  const columns = (w: tf.Tensor): tf.Tensor[] => splitEvenly(w, operands.length, 1);
  const stepwise = Array.isArray(weight) ? (weight as tf.Tensor[]).map(columns) : undefined;
  const shared = stepwise === undefined ? columns(weight as tf.Tensor) : undefined;
  const parts = operands.map((operand, g) =>
    times(operand, stepwise === undefined ? shared![g]! : stepwise.map((gates) => gates[g]!)),
  );
  return tf.concat(parts, parts[0]!.rank - 1);
}

interface PreparedWeight {
  readonly weight: MaybeStepwise;
  /** The product with it, where it is the same at every step. */
  readonly times: ((x: tf.Tensor2D) => tf.Tensor2D) | undefined;
  readonly gates: readonly [number, number];
}

function recurrentProducts(layout: CellLayout, weights: Weights, plan: SitePlan, layer: number) {
  const prepared = new Map<string, PreparedWeight>();
  const gateWidth = weights[layout.inputWeight]!.shape[1]! / layout.gates.length;
  let gate = 0;
  for (const name of layout.recurrentWeights) {
    const raw = weights[name]!;
    const end = gate + Math.round(raw.shape[1]! / gateWidth);
    const weight = plan.weights('weights.recurrent', layer, raw, name);
    const times = Array.isArray(weight) ? undefined : sharedProduct(weight as tf.Tensor2D);
    prepared.set(name, { weight, times, gates: [gate, end] });
    gate = end;
  }
  const all = layout.gates.length;
  return (operand: tf.Tensor2D, name: string, t: number): tf.Tensor2D => {
    const entry = prepared.get(name);
    if (entry === undefined)
      throw new RnnxError('RNNX_SHAPE_MISMATCH', `The cell multiplies by an undeclared weight "${name}"`, {
        expected: layout.recurrentWeights.join(', '),
        remedy: 'list the weight under recurrentWeights in the cell’s build',
      });
    const weight = (Array.isArray(entry.weight) ? entry.weight[t] : entry.weight) as tf.Tensor2D;
    const perGate = plan.operandsByGate('recurrent', layer, operand, entry.gates, { t });
    const perturbed = perGate === undefined ? plan.applyToStep('recurrent', layer, operand, { t }) : operand;
    const product = (
      perGate === undefined
        ? (entry.times?.(perturbed) ?? tf.matMul(perturbed, weight))
        : byGate(perGate, weight, (x, w) => tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D))
    ) as tf.Tensor2D;
    const [first, end] = entry.gates;
    const columns = end - first === all ? {} : { columns: [first * gateWidth, end * gateWidth] as const };
    return plan.applyToStep('preactivation.recurrent', layer, product, { t, operand: perturbed, weight, ...columns });
  };
}

function checkState(cell: Cell, previous: CellState, next: CellState): void {
  for (const name of cell.stateNames) {
    const [was, is] = [previous[name]?.shape, next[name]?.shape];
    if (is === undefined || was === undefined || is.length !== 2 || is[0] !== was[0] || is[1] !== was[1])
      throw new RnnxError('RNNX_SHAPE_MISMATCH', `The cell's state "${name}" changed its shape`, {
        got: is === undefined ? 'no such state' : `[${is.join(', ')}]`,
        expected: `[${was?.join(', ')}]`,
        remedy: 'return every state named in stateNames, [B, H] each',
      });
  }
}
