import type { OptimizerKernels, UpdateRequest, Weights } from '@rnnx/core';
import type * as tf from '@tensorflow/tfjs';
import type { OptimizerAddon } from '../addon-training-types.js';
import type { Memory } from './memory.js';
import { toTensor } from './tape.js';

/** A tensor with the values that it has and those that it will have: the same array, or that of its successor. */
interface Changing {
  readonly from: Float32Array;
  readonly to: Float32Array;
  readonly tensor: tf.Tensor;
}

type Three = readonly [number, number, number];

/** While JavaScript waits for a step, the kernels of the next are there to go on with. */
const stepsAhead = 1;

/** `FusedKernels.optimizer` over the addon. Only float32 tensors are taken. */
export function createOptimizerKernels(addon: OptimizerAddon, store: Memory): OptimizerKernels {
  const change = (tensor: tf.Tensor): Changing => {
    const own = store.own(tensor);
    if (own !== undefined) return { from: own, to: own, tensor };
    const next = store.result(tensor.shape);
    return { from: store.floats(tensor), to: next.array, tensor: toTensor(next) };
  };
  const addSquares = (tensor: tf.Tensor, control: Float64Array): void => {
    const [size, values, filled] = [tensor.size, store.floats(tensor), store.filledRows(tensor)];
    if (filled === undefined) addon.addSquares(size, values, control);
    else addon.addSquaresRows(size, values, control, filled.width, filled.rows.length, filled.rows);
  };
  const parameter = (request: UpdateRequest, name: string, weight: tf.Tensor, control: Float64Array) => {
    const { rule, slots, gradients, context } = request;
    const w = change(weight);
    const made: Record<string, tf.Tensor> = {};
    const slot = (kind: string): Changing => {
      const changing = change(slots[`${kind}/${name}`]!);
      made[`${kind}/${name}`] = changing.tensor;
      return changing;
    };
    const step = [weight.size, w.from, store.floats(gradients[name]!), control, context.learningRate, w.to] as const;
    switch (rule.kind) {
      case 'sgd': {
        // What is zero changes nothing.
        const filled = w.from === w.to ? store.filledRows(gradients[name]!) : undefined;
        if (filled === undefined) addon.sgd(...step);
        else addon.sgdRows(...step, filled.width, filled.rows.length, filled.rows);
        break;
      }
      case 'momentum': {
        const v = slot('velocity');
        addon.momentum(...step, rule.momentum, v.from, v.to);
        break;
      }
      case 'adam': {
        const [m, s] = [slot('mean'), slot('square')];
        const { beta1, beta2, epsilon } = rule;
        addon.adam(...step, beta1, beta2, epsilon, context.step, m.from, s.from, m.to, s.to);
        break;
      }
      case 'rmsprop': {
        const [v, s] = [slot('velocity'), slot('square')];
        addon.rmsprop(...step, rule.decay, rule.momentum, rule.epsilon, v.from, s.from, v.to, s.to);
        break;
      }
    }
    return { weight: w.tensor, slots: made };
  };

  return {
    stepsAhead,
    update(request) {
      const { weights, slots, gradients, clipped, clipNorm, losses, errors } = request;
      const all = [weights, slots, gradients].flatMap((group) => Object.values(group));
      if (!allFloats([...all, ...clipped, ...losses, ...(errors ? [errors] : [])])) return undefined;
      const [control, numbers] = [Float64Array.of(0, 1, 1), new Float64Array(3)];
      for (const tensor of clipped) addSquares(tensor, control);
      const [first, second] = losses;
      addon.clip(
        ...([control, clipNorm ?? Number.POSITIVE_INFINITY, store.floats(first), store.floats(second)] as const),
        ...([errors ? store.floats(errors) : null, numbers] as const),
      );
      const updated = { weights: {} as Record<string, tf.Tensor>, slots: {} as Record<string, tf.Tensor> };
      for (const [name, weight] of Object.entries(weights)) {
        const one = parameter(request, name, weight, control);
        updated.weights[name] = one.weight;
        Object.assign(updated.slots, one.slots);
      }
      const wait = store.untilNow();
      const outcome = () => {
        wait();
        const [nll, loss, wrong] = numbers as unknown as Three;
        return { squaredNorm: control[0]!, finite: control[2] === 1, losses: [nll, loss] as const, errors: wrong };
      };
      return { ...updated, outcome };
    },

    average(mean, weights, count) {
      if (!allFloats([mean, weights].flatMap((group) => Object.values(group)))) return undefined;
      return mapWeights(weights, (weight, name) => {
        const m = change(mean[name]!);
        addon.average(weight.size, m.from, store.floats(weight), count, m.to);
        return m.tensor;
      });
    },
  };
}

function allFloats(tensors: readonly tf.Tensor[]): boolean {
  return tensors.every(({ dtype }) => dtype === 'float32');
}

function mapWeights(weights: Weights, f: (weight: tf.Tensor, name: string) => tf.Tensor): Record<string, tf.Tensor> {
  return Object.fromEntries(Object.entries(weights).map(([name, weight]) => [name, f(weight, name)]));
}
