import type { FusedKernels, MomentSequenceRequest } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { Kept, Memory, Result } from './memory.js';
import type { MomentAddon, MomentNet } from './moments-addon.js';
import { noSecondDerivative, toTensor } from './tape.js';

// The numbers of native/sequence_fd.h.
const activationNumbers = { tanh: 0, sigmoid: 1, relu: 2 } as const;
const mostNodes = 64;

/**
 * `FusedKernels.momentSequence` over the addon: one native call runs all steps, another all steps backwards.
 *
 * Errors: RNNX_OPTION_INVALID where a second derivative is asked for.
 */
export function createMomentSequence(addon: MomentAddon, store: Memory): NonNullable<FusedKernels['momentSequence']> {
  const read = (tensor: tf.Tensor) => store.floats(tensor);

  const netOf = ({ cell, product }: MomentSequenceRequest, recurrent: tf.Tensor): MomentNet => {
    const list = (name: 'node' | 'weight') => Float32Array.from(cell.rule, (point) => point[name]);
    const rule = [activationNumbers[cell.activation], cell.rule.length, list('node'), list('weight')] as const;
    return [...product.shape, ...rule, cell.keep, read(recurrent)];
  };

  const forward = (request: MomentSequenceRequest, memory: Float32Array | null): [mean: Result, variance: Result] => {
    const { product, variance, recurrent, state } = request;
    const given = [product, variance, state.mean, state.variance].map(read);
    const results: [Result, Result] = [store.result(product.shape), store.result(product.shape)];
    const [p, r, mean, spread] = given as [Float32Array, Float32Array, Float32Array, Float32Array];
    addon.momentForward(...netOf(request, recurrent), p, r, mean, spread, memory, results[0].array, results[1].array);
    return results;
  };

  return (request) => {
    if (request.cell.rule.length > mostNodes) return undefined;
    const { product, variance, recurrent, state } = request;
    if (!tf.engine().isTapeOn()) {
      const [mean, spread] = forward(request, null).map(toTensor);
      return { mean: mean as tf.Tensor3D, variance: spread as tf.Tensor3D };
    }
    // tfjs differentiates one result: the two moments, one above the other.
    const both = tf.customGrad((...inputs) => {
      const save = inputs.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
      let memory: Kept | undefined = store.keep(3 * product.size);
      const [mean, spread] = forward(request, memory.array).map(toTensor) as [tf.Tensor, tf.Tensor];
      save([recurrent, state.mean, mean]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
        if (memory === undefined || tf.engine().isTapeOn()) throw noSecondDerivative('sequence of moments');
        const [w, first, h] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
        const shapes = [product.shape, product.shape, w.shape, first.shape, first.shape];
        const gradients = shapes.map((shape) => store.result(shape));
        const [p, r, dw, dh, ds] = gradients.map(({ array }) => array) as [F, F, F, F, F];
        const d = read(dy);
        const [dMean, dVariance] = [d.subarray(0, product.size), d.subarray(product.size, 2 * product.size)];
        const given = [read(first), memory.array, read(h), dMean, dVariance] as const;
        addon.momentBackward(...netOf(request, w), ...given, p, r, dw, dh, ds);
        store.release(memory);
        memory = undefined;
        return gradients.map(toTensor);
      };
      return { value: tf.stack([mean, spread]), gradFunc: gradFunc as never };
    })(product, variance, recurrent, state.mean, state.variance);
    const [mean, spread] = tf.unstack(both);
    return { mean: mean as tf.Tensor3D, variance: spread as tf.Tensor3D };
  };
}

type F = Float32Array;
