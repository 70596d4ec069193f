import type { FusedPerturbation, FusedSequenceRequest } from '@rnnx/core';
import type * as tf from '@tensorflow/tfjs';

// The numbers of native/sequence.h.
const cellNumbers = {
  lstm: 0,
  'gru-after': 1,
  'gru-before': 2,
  'rnn-tanh': 3,
  'rnn-sigmoid': 4,
  'rnn-relu': 5,
} as const;
const siteNumbers = {
  recurrent: 0,
  'preactivation.recurrent': 1,
  candidate: 2,
  readout: 3,
  cell: 4,
  hidden: 5,
  'weights.recurrent': 6,
} as const satisfies Record<FusedPerturbation['site'], number>;
/** `weights.recurrent` where the matrix is the candidate's. */
const candidateWeights = 7;
const kindNumbers = { scale: 0, shift: 1, retain: 2 } as const satisfies Record<FusedPerturbation['kind'], number>;
/** What the addon's three functions are told about a request, in their order. */
export type Geometry = readonly [
  cell: number,
  steps: number,
  batch: number,
  units: number,
  perturbationCount: number,
  perturbationTable: Int32Array,
];

/** Recurrent weights by their part in the equations. */
export interface Parts<T> {
  readonly recurrent: T;
  /** gru-before: the matrix of the candidate. */
  readonly candidate: T | undefined;
  /** gru-after. */
  readonly bias: T | undefined;
}

export function partsOf({ cell, weights }: FusedSequenceRequest): Parts<tf.Tensor> {
  if (cell.kind === 'gru-before')
    return {
      recurrent: weights[cell.recurrentGates]!,
      candidate: weights[cell.recurrentCandidate]!,
      bias: undefined,
    };
  return {
    recurrent: weights[cell.recurrent]!,
    candidate: undefined,
    bias: cell.kind === 'gru-after' ? weights[cell.recurrentBias]! : undefined,
  };
}

/** `undefined` where a value has a shape that the kernel does not take. */
export function geometryOf({ cell, product, state, perturbations }: FusedSequenceRequest): Geometry | undefined {
  const [steps, batch] = product.shape;
  const number = cellNumbers[cell.kind === 'rnn' ? (`rnn-${cell.activation}` as const) : cell.kind];
  const table: number[] = [];
  for (const { site, weight, kind, value } of perturbations) {
    const shape = tableShape(site, value.shape);
    if (shape === undefined) return undefined;
    const ofCandidate = atWeights(site) && cell.kind === 'gru-before' && weight === cell.recurrentCandidate;
    table.push(ofCandidate ? candidateWeights : siteNumbers[site], kindNumbers[kind], ...shape);
  }
  return [number, steps, batch, state.h!.shape[1]!, perturbations.length, Int32Array.from(table)];
}

/** `[1|T, 1|B, 1|G, 1|N]` of a value, with the rows of a matrix in place of B. */
function tableShape(site: FusedPerturbation['site'], shape: readonly number[]): readonly number[] | undefined {
  if (shape.length === 0) return [1, 1, 1, 1];
  if (shape.length === 2 && atWeights(site)) return [1, shape[0]!, 1, shape[1]!];
  if (shape.length === 3) return [shape[0]!, shape[1]!, 1, shape[2]!];
  return shape.length === 4 && site === 'recurrent' ? shape : undefined;
}

export function atWeights(site: FusedPerturbation['site']): boolean {
  return site === 'weights.recurrent';
}

/** Whether the request is for a cell with a state `c`. */
export function hasCellState([cell]: Geometry): boolean {
  return cell === cellNumbers.lstm;
}
