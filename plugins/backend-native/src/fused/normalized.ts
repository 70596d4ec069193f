import type { FusedKernels, Normalization, NormalizedSequenceRequest } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { Kept, Memory, Result } from './memory.js';
import type { NormalizedAddon, NormalizedNet } from './normalized-addon.js';
import { noSecondDerivative, toTensor } from './tape.js';

/** What a request normalises, in the addon's order. */
type Norms = readonly [input: Normalization, recurrent: Normalization, readout: Normalization];

/** The tensors of a request that have gradients, but for the product and the state. */
interface Parameters {
  readonly recurrent: tf.Tensor;
  readonly bias: tf.Tensor;
  readonly gammas: readonly tf.Tensor[];
  readonly beta: tf.Tensor;
}

/** Statistics `[T, N]` of each norm and the mask, outside of all tensors: the backward pass needs them as they were. */
interface Statistics {
  readonly means: readonly Float32Array[];
  readonly variances: readonly Float32Array[];
  readonly mask: Float32Array | null;
}

/**
 * `FusedKernels.normalizedSequence` over the addon: the LSTM with both products and the readout normalised, all by the
 * minibatch's statistics or all by a population's, under one mask. Other requests are left to the composed path.
 *
 * Errors: RNNX_OPTION_INVALID where a second derivative is asked for.
 */
export function createNormalizedSequence(
  addon: NormalizedAddon,
  store: Memory,
): NonNullable<FusedKernels['normalizedSequence']> {
  const read = (tensor: tf.Tensor) => store.floats(tensor);

  const netOf = (sizes: Sizes, norms: Norms, { means, variances, mask }: Statistics, of: Parameters): NormalizedNet => {
    const norm = (k: 0 | 1 | 2) => [read(of.gammas[k]!), norms[k].epsilon, means[k]!, variances[k]!] as const;
    const population = norms[0].statistics !== undefined;
    return [...sizes, population, mask, read(of.bias), ...norm(0), ...norm(1), ...norm(2), read(of.beta)];
  };

  const forward = (
    request: NormalizedSequenceRequest,
    net: NormalizedNet,
    of: Parameters,
    memory: Float32Array | null,
  ) => {
    const [steps, batch, units] = net;
    const { product, state } = request;
    const [hidden, c] = [store.result([steps, batch, units]), store.result([batch, units])];
    const given = [read(of.recurrent), read(product), read(state.h!), read(state.c!)] as const;
    addon.normalizedForward(...net, ...given, memory, hidden.array, c.array);
    return { hidden, c };
  };

  /** Statistics in memory of their own, those of a population filled in. */
  const prepare = ([steps, batch, units]: Sizes, norms: Norms, length: number) => {
    const widths = [4 * units, 4 * units, units];
    const kept = store.keep(length + steps * (18 * units + batch));
    let end = length;
    const take = (floats: number) => {
      end += floats;
      return kept.array.subarray(end - floats, end);
    };
    const means = widths.map((width) => take(steps * width));
    const variances = widths.map((width) => take(steps * width));
    for (const [k, { statistics }] of norms.entries()) {
      if (statistics === undefined) continue;
      store.repeat(read(statistics.mean), statistics.mean.size, means[k]!);
      store.repeat(read(statistics.variance), statistics.variance.size, variances[k]!);
    }
    const given = norms[0].mask;
    const mask = given === undefined ? null : take(steps * batch);
    if (mask !== null) store.repeat(read(given!), mask.length, mask);
    return { kept, memory: kept.array.subarray(0, length), statistics: { means, variances, mask } };
  };

  return (request) => {
    const norms = normsOf(request);
    if (norms === undefined) return undefined;
    const { product, state } = request;
    const [steps, batch] = product.shape;
    const sizes = [steps, batch, state.h!.shape[1]!] as const;
    const parameters = parametersOf(request, norms);
    const finish = (hidden: tf.Tensor, c: Result, statistics: Statistics) => {
      observe(store, norms, sizes, statistics);
      const h = tf.squeeze(tf.slice(hidden, [steps - 1, 0, 0], [1, -1, -1]), [0]) as tf.Tensor2D;
      return { hidden: hidden as tf.Tensor3D, state: { h, c: toTensor(c) as tf.Tensor2D } };
    };
    if (!tf.engine().isTapeOn()) {
      const { kept, statistics } = prepare(sizes, norms, 0);
      const { hidden, c } = forward(request, netOf(sizes, norms, statistics, parameters), parameters, null);
      const result = finish(toTensor(hidden), c, statistics);
      store.release(kept);
      return result;
    }
    const prepared = prepare(sizes, norms, addon.normalizedMemory(...sizes));
    const { memory, statistics } = prepared;
    let kept: Kept | undefined = prepared.kept;
    let c: Result | undefined;
    const { recurrent, bias, gammas, beta } = parameters;
    const hidden = tf.customGrad((...inputs) => {
      const save = inputs.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
      const run = forward(request, netOf(sizes, norms, statistics, parameters), parameters, memory);
      c = run.c;
      const value = toTensor(run.hidden);
      save([product, state.h!, value, recurrent, bias, beta, ...gammas]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
        if (kept === undefined || tf.engine().isTapeOn()) throw noSecondDerivative('batch-normalised sequence');
        const [x, h0, h, w, b, shift, ...scales] = saved as [
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
        ];
        const of = { recurrent: w, bias: b, gammas: scales as tf.Tensor[], beta: shift };
        const gradients = [
          x.shape,
          w.shape,
          h0.shape,
          h0.shape,
          b.shape,
          ...of.gammas.map(({ shape }) => shape),
          shift.shape,
        ].map((shape) => store.result(shape));
        addon.normalizedBackward(
          ...netOf(sizes, norms, statistics, of),
          ...([read(w), read(x), read(h0), memory, read(h), read(dy)] as const),
          ...(gradients.map(({ array }) => array) as unknown as Nine),
        );
        store.release(kept);
        kept = undefined;
        return gradients.map(toTensor);
      };
      return { value, gradFunc: gradFunc as never };
    })(product, recurrent, state.h!, state.c!, bias, ...gammas, beta) as tf.Tensor3D;
    return finish(hidden, c!, statistics);
  };
}

type Sizes = readonly [steps: number, batch: number, units: number];
type F = Float32Array;
type Nine = readonly [F, F, F, F, F, F, F, F, F];

/** What the kernel takes; `undefined` for anything else. */
function normsOf({ cell, input, recurrent, readout }: NormalizedSequenceRequest): Norms | undefined {
  if (cell.kind !== 'lstm' || readout === undefined) return undefined;
  const norms: Norms = [input, recurrent, readout];
  const alike = norms.every(
    ({ statistics, mask }) => (statistics === undefined) === (input.statistics === undefined) && mask === input.mask,
  );
  return alike ? norms : undefined;
}

/** The shifts of the two products join the bias. */
function parametersOf({ cell, weights, bias, state }: NormalizedSequenceRequest, norms: Norms): Parameters {
  const units = state.h!.shape[1]!;
  const shifts = [bias, norms[0].beta, norms[1].beta].filter((shift) => shift !== undefined);
  return {
    recurrent: weights[(cell as { recurrent: string }).recurrent]!,
    bias: shifts.length === 0 ? tf.zeros([4 * units]) : shifts.length === 1 ? shifts[0]! : tf.addN(shifts),
    gammas: norms.map(({ gamma }) => gamma),
    beta: norms[2].beta ?? tf.zeros([units]),
  };
}

function observe(store: Memory, norms: Norms, [steps]: Sizes, { means, variances }: Statistics): void {
  for (const [k, norm] of norms.entries()) {
    if (norm.observe === undefined || norm.statistics !== undefined) continue;
    store.wait();
    const show = (values: Float32Array) => tf.tensor(values.slice(), [steps, 1, values.length / steps]);
    norm.observe(show(means[k]!), show(variances[k]!), undefined, 0);
  }
}
