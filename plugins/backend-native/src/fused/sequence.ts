import type { FusedPerturbation, FusedSequence, FusedSequenceRequest } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { SequenceAddon } from './addon.js';
import type { Kept, Memory, Result } from './memory.js';
import { noSecondDerivative, toTensor } from './tape.js';

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
} as const satisfies Record<FusedPerturbation['site'], number>;
const kindNumbers = { scale: 0, shift: 1, retain: 2 } as const satisfies Record<FusedPerturbation['kind'], number>;
/** What the addon's three functions are told about a request, in their order. */
type Geometry = readonly [
  cell: number,
  steps: number,
  batch: number,
  units: number,
  perturbationCount: number,
  perturbationTable: Int32Array,
];

/** Recurrent weights by their part in the equations. */
interface Parts<T> {
  readonly recurrent: T;
  /** gru-before: the matrix of the candidate. */
  readonly candidate: T | undefined;
  /** gru-after. */
  readonly bias: T | undefined;
}

/**
 * `FusedKernels.sequence` over the addon: one native call runs all steps, another all steps backwards.
 *
 * Activations are kept for the backward pass only while gradients are recorded. Errors: RNNX_OPTION_INVALID where a second
 * derivative is asked for.
 */
export function createSequence(
  addon: SequenceAddon,
  store: Memory,
): (request: FusedSequenceRequest) => FusedSequence | undefined {
  const make = (shape: readonly number[]) => store.result(shape);
  const read = (tensor: tf.Tensor) => store.floats(tensor);

  const forward = (request: FusedSequenceRequest, geometry: Geometry, memory: Float32Array | null) => {
    const { product, state, perturbations } = request;
    const [, steps, batch, units] = geometry;
    const weights = partsOf(request);
    const hidden = make([steps, batch, units]);
    const h = make([batch, units]);
    const c = request.cell.kind === 'lstm' ? make([batch, units]) : undefined;
    addon.sequenceForward(
      ...geometry,
      perturbations.map(({ value }) => read(value)),
      read(weights.recurrent),
      weights.candidate ? read(weights.candidate) : null,
      weights.bias ? read(weights.bias) : null,
      read(product),
      read(state.h!),
      c ? read(state.c!) : null,
      memory,
      hidden.array,
      h.array,
      c?.array ?? null,
    );
    return { hidden, last: { h, ...(c && { c }) } };
  };

  /** Gradients of product, state, weights and values, in this order. */
  const backward = (
    geometry: Geometry,
    memory: Float32Array,
    columns: number,
    dy: tf.Tensor,
    weights: Parts<tf.Tensor>,
    values: readonly tf.Tensor[],
  ): tf.Tensor[] => {
    const [cell, steps, batch, units] = geometry;
    const product = make([steps, batch, columns]);
    const state = cell === cellNumbers.lstm ? [make([batch, units]), make([batch, units])] : [make([batch, units])];
    const recurrent = make(weights.recurrent.shape);
    const candidate = weights.candidate && make(weights.candidate.shape);
    const bias = weights.bias && make(weights.bias.shape);
    const gradients = values.map(({ shape }) => make(shape));
    for (const sum of [bias, ...gradients]) sum?.array.fill(0);
    addon.sequenceBackward(
      ...geometry,
      values.map(read),
      gradients.map(({ array }) => array),
      read(weights.recurrent),
      weights.candidate ? read(weights.candidate) : null,
      memory,
      read(dy),
      product.array,
      recurrent.array,
      candidate?.array ?? null,
      bias?.array ?? null,
      state[0]!.array,
      state[1]?.array ?? null,
    );
    return [product, ...state, recurrent, candidate, bias, ...gradients]
      .filter((each) => each !== undefined)
      .map(toTensor);
  };

  return (request) => {
    if (!request.perturbations.every(({ value }) => value.rank === 0 || value.rank === 3)) return undefined;
    const geometry = geometryOf(request);
    if (!tf.engine().isTapeOn()) {
      const { hidden, last } = forward(request, geometry, null);
      return { hidden: toTensor(hidden) as tf.Tensor3D, state: toTensors(last) };
    }
    const weights = partsOf(request);
    const values = request.perturbations.map(({ value }) => value);
    const { state, cell } = request;
    const stateList = cell.kind === 'lstm' ? [state.h!, state.c!] : [state.h!];
    const weightList = [weights.recurrent, weights.candidate, weights.bias].filter((weight) => weight !== undefined);
    let last: Readonly<Record<string, Result>> = {};
    const hidden = tf.customGrad((...inputs) => {
      const save = inputs.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
      let kept: Kept | undefined = store.keep(addon.sequenceMemory(...geometry));
      const run = forward(request, geometry, kept.array);
      last = run.last;
      save([...weightList, ...values]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
        if (kept === undefined || tf.engine().isTapeOn()) throw noSecondDerivative('sequence');
        const rest = [...saved];
        const again: Parts<tf.Tensor> = {
          recurrent: rest.shift()!,
          candidate: weights.candidate && rest.shift(),
          bias: weights.bias && rest.shift(),
        };
        const gradients = backward(geometry, kept.array, request.product.shape[2], dy, again, rest);
        store.release(kept);
        kept = undefined;
        return gradients;
      };
      return { value: toTensor(run.hidden), gradFunc: gradFunc as never };
    })(request.product, ...stateList, ...weightList, ...values) as tf.Tensor3D;
    return { hidden, state: toTensors(last) };
  };
}

function partsOf({ cell, weights }: FusedSequenceRequest): Parts<tf.Tensor> {
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

function geometryOf({ cell, product, state, perturbations }: FusedSequenceRequest): Geometry {
  const [steps, batch] = product.shape;
  const number = cellNumbers[cell.kind === 'rnn' ? (`rnn-${cell.activation}` as const) : cell.kind];
  const table = perturbations.flatMap(({ site, kind, value }) => [
    siteNumbers[site],
    kindNumbers[kind],
    ...(value.rank === 0 ? [1, 1, 1] : value.shape),
  ]);
  return [number, steps, batch, state.h!.shape[1]!, perturbations.length, Int32Array.from(table)];
}

function toTensors(results: Readonly<Record<string, Result>>): Record<string, tf.Tensor2D> {
  return Object.fromEntries(Object.entries(results).map(([name, result]) => [name, toTensor(result) as tf.Tensor2D]));
}
