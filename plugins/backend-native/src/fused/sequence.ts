import type { FusedSequence, FusedSequenceRequest } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { SequenceAddon } from './addon.js';
import type { Kept, Memory, Result } from './memory.js';
import { atWeights, type Geometry, geometryOf, hasCellState, type Parts, partsOf } from './sequence-geometry.js';
import { noSecondDerivative, tie, toTensor } from './tape.js';

/**
 * `FusedKernels.sequence` over the addon: one native call runs all steps, another all steps backwards.
 *
 * Activations are kept for the backward pass only while gradients are recorded. Values at the weights are as large as all
 * steps' weights: their gradients are worked out only where tfjs asks for them. Errors: RNNX_OPTION_INVALID where a second
 * derivative is asked for.
 */
export function createSequence(
  addon: SequenceAddon,
  store: Memory,
): (request: FusedSequenceRequest) => FusedSequence | undefined {
  const make = (shape: readonly number[]) => store.result(shape);
  const read = (tensor: tf.Tensor) => store.floats(tensor);
  const readOrNull = (tensor: tf.Tensor | undefined) => (tensor === undefined ? null : read(tensor));

  const forward = (request: FusedSequenceRequest, geometry: Geometry, memory: Float32Array | null) => {
    const { product, state, perturbations } = request;
    const [, steps, batch, units] = geometry;
    const weights = partsOf(request);
    const hidden = make([steps, batch, units]);
    const h = make([batch, units]);
    const c = hasCellState(geometry) ? make([batch, units]) : undefined;
    addon.sequenceForward(
      ...geometry,
      perturbations.map(({ value }) => read(value)),
      read(weights.recurrent),
      readOrNull(weights.candidate),
      readOrNull(weights.bias),
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

  /** Gradients of product, state, weights and the values whose gradient comes here, in this order. */
  const backward = (run: Run, dy: tf.Tensor): tf.Tensor[] => {
    const { geometry, weights, values, memory } = run;
    const [, steps, batch, units] = geometry;
    const product = make([steps, batch, run.columns]);
    const h = make([batch, units]);
    const c = hasCellState(geometry) ? make([batch, units]) : undefined;
    const recurrent = make(weights.recurrent.shape);
    const candidate = weights.candidate && make(weights.candidate.shape);
    const bias = weights.bias && make(weights.bias.shape);
    const gradients = values.map(({ shape }, i) => (run.wanted[i] === 'here' ? make(shape) : undefined));
    for (const sum of [bias, ...gradients]) if (sum) store.clear(sum.array);
    addon.sequenceBackward(
      ...geometry,
      values.map(read),
      gradients.map((each) => each?.array ?? null),
      read(weights.recurrent),
      readOrNull(weights.candidate),
      memory.array,
      read(dy),
      product.array,
      recurrent.array,
      candidate?.array ?? null,
      bias?.array ?? null,
      h.array,
      c?.array ?? null,
    );
    return [product, h, c, recurrent, candidate, bias, ...gradients].filter((each) => each !== undefined).map(toTensor);
  };

  /** Gradients of the values at the weights. */
  const valuesBackward = ({ geometry, weights, values, memory, wanted }: Run): tf.Tensor[] => {
    const gradients = values.map(({ shape }, i) => (wanted[i] === 'apart' ? make(shape) : undefined));
    for (const sum of gradients) if (sum) store.clear(sum.array);
    addon.sequenceWeightValues(
      ...geometry,
      values.map(read),
      gradients.map((each) => each?.array ?? null),
      read(weights.recurrent),
      readOrNull(weights.candidate),
      memory.array,
    );
    return gradients.filter((each) => each !== undefined).map(toTensor);
  };

  return (request) => {
    const geometry = geometryOf(request);
    if (geometry === undefined) return undefined;
    if (!tf.engine().isTapeOn()) {
      const { hidden, last } = forward(request, geometry, null);
      return { hidden: toTensor(hidden) as tf.Tensor3D, state: toTensors(last) };
    }
    const { state, perturbations, product } = request;
    const weights = partsOf(request);
    const weightList = [weights.recurrent, weights.candidate, weights.bias].filter((weight) => weight !== undefined);
    const values = perturbations.map(({ value }) => value);
    const wanted = perturbations.map(({ site, constant }) =>
      constant ? undefined : atWeights(site) ? 'apart' : 'here',
    );
    let done: Run | undefined;
    const ties = tie(
      values.filter((_, i) => wanted[i] === 'apart'),
      () => valuesBackward(done!),
    );
    let last: Readonly<Record<string, Result>> = {};
    const hidden = tf.customGrad((...inputs) => {
      const save = inputs.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
      let memory: Kept | undefined = store.keep(addon.sequenceMemory(...geometry));
      const run = forward(request, geometry, memory.array);
      last = run.last;
      save([...weightList, ...values]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
        if (memory === undefined || tf.engine().isTapeOn()) throw noSecondDerivative('sequence');
        const rest = [...saved];
        const again: Parts<tf.Tensor> = {
          recurrent: rest.shift()!,
          candidate: weights.candidate && rest.shift(),
          bias: weights.bias && rest.shift(),
        };
        done = { geometry, columns: product.shape[2], weights: again, values: rest, wanted, memory };
        const gradients = backward(done, dy);
        const taken = memory;
        memory = undefined;
        // The ties' gradients come later within this backward pass, which is synchronous, or not at all.
        if (ties.length === 0) store.release(taken);
        else queueMicrotask(() => store.release(taken));
        return [...gradients, ...ties.map(() => tf.scalar(0))];
      };
      return { value: toTensor(run.hidden), gradFunc: gradFunc as never };
    })(
      product,
      ...(hasCellState(geometry) ? [state.h!, state.c!] : [state.h!]),
      ...weightList,
      ...values.filter((_, i) => wanted[i] === 'here'),
      ...ties,
    ) as tf.Tensor3D;
    return { hidden, state: toTensors(last) };
  };
}

/** What a backward pass is told: the forward pass, its inputs as tfjs saved them. */
interface Run {
  readonly geometry: Geometry;
  /** G·H */
  readonly columns: number;
  readonly weights: Parts<tf.Tensor>;
  readonly values: readonly tf.Tensor[];
  /** Whether the gradient of a value comes with the others, from a call of its own (at the weights), or not at all. */
  readonly wanted: readonly ('here' | 'apart' | undefined)[];
  readonly memory: Kept;
}

function toTensors(results: Readonly<Record<string, Result>>): Record<string, tf.Tensor2D> {
  return Object.fromEntries(Object.entries(results).map(([name, result]) => [name, toTensor(result) as tf.Tensor2D]));
}
