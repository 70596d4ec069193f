import {
  type Cell,
  type CellLayout,
  createRng,
  enableFusedKernels,
  type ModelShape,
  type Perturbation,
  type PluginRef,
  SitePlan,
  unroll,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { testRegistry } from './models.js';

/** Every cell that may run as one kernel. */
export const fusedCells = {
  lstm: 'lstm',
  'gru-after': 'gru',
  'gru-before': { name: 'gru', reset: 'before' },
  'rnn-tanh': 'rnn',
  'rnn-sigmoid': { name: 'rnn', activation: 'sigmoid' },
  'rnn-relu': { name: 'rnn', activation: 'relu' },
} as const satisfies Record<string, PluginRef>;

export type FusedCellName = keyof typeof fusedCells;

export interface PerturbationCase {
  readonly site: ReturnType<typeof sitesOf>[number];
  readonly kind: 'scale' | 'shift' | 'retain';
  /** Which dimensions are there rather than broadcast; `scalar` for no dimension at all. At weights a row is an example. */
  readonly shape: 'scalar' | readonly [step: boolean, example: boolean, unit: boolean];
  /** At `recurrent`: another value for each gate. */
  readonly gated?: boolean;
  /** At `weights.recurrent`: the matrix, counted from 0 and on from 0 again. */
  readonly matrix?: number;
}

export interface SequenceCase {
  readonly cell: FusedCellName;
  readonly steps: number;
  readonly batch: number;
  readonly units: number;
  readonly perturbations: readonly PerturbationCase[];
  readonly seed: number;
}

const registry = testRegistry();
const made = new Map<FusedCellName, Cell>();

/** Cells hold nothing of a sequence: one of each is enough. */
export function createCell(name: FusedCellName): Cell {
  const cell = made.get(name) ?? (registry.create('cell', fusedCells[name]) as Cell);
  made.set(name, cell);
  return cell;
}

export function matrixName({ recurrentWeights }: CellLayout, matrix = 0): string {
  return recurrentWeights[matrix % recurrentWeights.length]!;
}

/** The quantities of a case: everything that a gradient is asked of, and the state before the first step. */
export function sequenceInputs(at: SequenceCase) {
  const { steps, batch, units } = at;
  const rng = createRng(at.seed);
  const draw = (name: string, shape: number[], low: number, high: number): tf.Tensor =>
    tf.tidy(() => tf.add(tf.mul(rng.stream(name).uniform(shape), high - low), low));
  const cell = createCell(at.cell);
  const layout = cell.build(2, units);
  const weights = layout.parameters.map(({ name, shape }) => draw(name, [...shape], -0.5, 0.5));
  const shapeOf = ({ site, shape, gated, matrix }: PerturbationCase): number[] => {
    if (shape === 'scalar') return [];
    const some = (...size: number[]) => size.map((n, axis) => (shape[axis] ? n : 1));
    if (site === 'weights.recurrent') {
      const [rows, columns] = layout.parameters.find(({ name }) => name === matrixName(layout, matrix))!.shape;
      const [step, ...rest] = some(steps, rows!, columns!);
      return shape[0] ? [step!, ...rest] : rest;
    }
    const width = site === 'preactivation.recurrent' ? layout.gates.length * units : units;
    const size = some(site === 'initial' ? 1 : steps, batch, width);
    return gated ? size.toSpliced(2, 0, layout.gates.length) : size;
  };
  const values = at.perturbations.map((each, i) => draw(`value-${i}`, shapeOf(each), 0, 1.2));
  return {
    x: draw('x', [steps, batch, 2], -1, 1),
    weights,
    values,
    dy: draw('dy', [steps, batch, units], -1, 1),
    state: Object.fromEntries(cell.stateNames.map((name) => [name, draw(name, [batch, units], -1, 1) as tf.Tensor2D])),
  };
}

/**
 * Runs a case through the unroll: loss Σ h·dy, hidden states, last state and all gradients by name. The caller owns them.
 *
 * @param fused whether fused kernels may be taken
 */
export function runSequence(
  at: SequenceCase,
  { x, weights, values, dy, state }: ReturnType<typeof sequenceInputs>,
  fused: boolean,
): Record<string, tf.Tensor> {
  const cell = createCell(at.cell);
  const layout = cell.build(2, at.units);
  const names = layout.parameters.map(({ name }) => name);
  const shapeOf = (name: string) => layout.parameters.find((each) => each.name === name)!.shape as [number, number];
  const model: ModelShape = {
    vocabularySize: undefined,
    sites: cell.sites,
    layers: [
      {
        inputSize: 2,
        hiddenSize: at.units,
        gates: layout.gates.length,
        inputWeight: { name: layout.inputWeight, shape: shapeOf(layout.inputWeight) },
        recurrentWeights: layout.recurrentWeights.map((name) => ({ name, shape: shapeOf(name) })),
      },
    ],
    outputWeight: [1, at.units],
  };
  const results: Record<string, tf.Tensor> = {};
  const first = cell.stateNames.map((name) => state[name]!);
  enableFusedKernels(fused);
  try {
    const { value, grads } = tf.valueAndGrads((x, ...rest) => {
      const named = Object.fromEntries(names.map((name, i) => [name, rest[i]!]));
      const perturbations = at.perturbations.map(({ site, kind, matrix }, i) => {
        const weight = site === 'weights.recurrent' ? { weight: matrixName(layout, matrix) } : {};
        const perturbation = { site, kind, layer: 0, value: rest[names.length + i]!, ...weight } as Perturbation;
        return { owner: 'test', perturbation };
      });
      const plan = new SitePlan(perturbations, model, at.steps, at.batch);
      const first = Object.fromEntries(cell.stateNames.map((name, i) => [name, rest.at(i - cell.stateNames.length)!]));
      const layer = unroll(cell, layout, named, x as tf.Tensor3D, first as never, plan, 0);
      results.hidden = tf.keep(layer.hidden.clone());
      for (const name of cell.stateNames) results[`last ${name}`] = tf.keep(layer.state[name]!.clone());
      // A value that only acts beyond the last step has a gradient of zero, which tfjs would call an error.
      const all = rest.map((tensor) => tf.mul(tf.sum(tensor), 0));
      return tf.addN([tf.sum(tf.mul(layer.hidden, dy)), ...all]) as tf.Scalar;
    })([x, ...weights, ...values, ...first]);
    results.loss = value;
    for (const [i, name] of ['x', ...names].entries()) results[`d ${name}`] = grads[i]!;
    for (const [i, { site, kind }] of at.perturbations.entries())
      results[`d value ${i} (${kind} at ${site}, [${values[i]!.shape}])`] = grads[1 + names.length + i]!;
    for (const [i, name] of cell.stateNames.entries()) results[`d first ${name}`] = grads.at(i - first.length)!;
    return results;
  } finally {
    enableFusedKernels(true);
  }
}

const commonSites = [
  'initial',
  'recurrent',
  'preactivation.recurrent',
  'candidate',
  'hidden',
  'weights.recurrent',
] as const;
/** Sites of the recurrence that the cell has. */
export function sitesOf(cell: FusedCellName) {
  return cell === 'lstm' ? ([...commonSites, 'readout', 'cell'] as const) : commonSites;
}

/** Kinds that may stand there. */
export function kindsAt(site: PerturbationCase['site']): readonly PerturbationCase['kind'][] {
  return site === 'hidden' || site === 'cell' ? ['scale', 'shift', 'retain'] : ['scale', 'shift'];
}

/** Every site, each kind once, all shapes in turn. */
export function everywhere(cell: FusedCellName, gated = false): PerturbationCase[] {
  const shapes = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => [(n & 1) > 0, (n & 2) > 0, (n & 4) > 0] as const);
  return sitesOf(cell)
    .flatMap((site) => kindsAt(site).map((kind) => ({ site, kind })))
    .map((at, i) => ({ ...at, shape: shapes[(3 * i + 7) % 8]!, matrix: i, gated: gated && at.site === 'recurrent' }));
}

/**
 * Largest difference, relative to the largest entry (at least 1e-3), and for sums of several terms, which may cancel, at
 * least to what rounding makes of terms around 1.
 *
 * @param terms that each entry is a sum of
 */
export function difference(actual: ArrayLike<number>, expected: ArrayLike<number>, terms = 1): number {
  let [apart, largest] = [0, terms > 1 ? 0.02 * Math.sqrt(terms) : 1e-3];
  for (let i = 0; i < expected.length; i++) {
    apart = Math.max(apart, Math.abs(actual[i]! - expected[i]!));
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return apart / largest;
}
