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

/** `FusedKernels.optimizer` over the addon. Only float32 tensors are taken. */
export function createOptimizerKernels(addon: OptimizerAddon, store: Memory): OptimizerKernels {
  const change = (tensor: tf.Tensor): Changing => {
    const own = store.own(tensor);
    if (own !== undefined) return { from: own, to: own, tensor };
    const next = store.result(tensor.shape);
    return { from: store.floats(tensor), to: next.array, tensor: toTensor(next) };
  };
  const squares = (tensor: tf.Tensor): number => {
    const [size, values, filled] = [tensor.size, store.floats(tensor), store.filledRows(tensor)];
    return filled === undefined
      ? addon.sumSquares(size, values)
      : addon.sumSquaresRows(size, values, filled.width, filled.rows.length, filled.rows);
  };
  const parameter = ({ rule, slots, gradients, scale, context }: UpdateRequest, name: string, weight: tf.Tensor) => {
    const w = change(weight);
    const made: Record<string, tf.Tensor> = {};
    const slot = (kind: string): Changing => {
      const changing = change(slots[`${kind}/${name}`]!);
      made[`${kind}/${name}`] = changing.tensor;
      return changing;
    };
    const step = [weight.size, w.from, store.floats(gradients[name]!), scale, context.learningRate, w.to] as const;
    const run = (): boolean => {
      switch (rule.kind) {
        case 'sgd': {
          // What is zero changes nothing.
          const filled = w.from === w.to ? store.filledRows(gradients[name]!) : undefined;
          if (filled === undefined) return addon.sgd(...step);
          return addon.sgdRows(...step, filled.width, filled.rows.length, filled.rows);
        }
        case 'momentum': {
          const v = slot('velocity');
          return addon.momentum(...step, rule.momentum, v.from, v.to);
        }
        case 'adam': {
          const [m, s] = [slot('mean'), slot('square')];
          const { beta1, beta2, epsilon } = rule;
          return addon.adam(...step, beta1, beta2, epsilon, context.step, m.from, s.from, m.to, s.to);
        }
        case 'rmsprop': {
          const [v, s] = [slot('velocity'), slot('square')];
          return addon.rmsprop(...step, rule.decay, rule.momentum, rule.epsilon, v.from, s.from, v.to, s.to);
        }
      }
    };
    return { finite: run(), weight: w.tensor, slots: made };
  };

  return {
    squaredNorm(tensors) {
      if (!allFloats(tensors)) return undefined;
      return tensors.reduce((sum, tensor) => sum + squares(tensor), 0);
    },

    update(request) {
      const { weights, slots, gradients } = request;
      if (!allFloats([weights, slots, gradients].flatMap((group) => Object.values(group)))) return undefined;
      const updated = {
        weights: {} as Record<string, tf.Tensor>,
        slots: {} as Record<string, tf.Tensor>,
        finite: true,
      };
      for (const [name, weight] of Object.entries(weights)) {
        const one = parameter(request, name, weight);
        updated.weights[name] = one.weight;
        Object.assign(updated.slots, one.slots);
        updated.finite &&= one.finite;
      }
      return updated;
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
