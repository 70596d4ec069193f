import { createOptimizer, createRng, type ModelState, type PluginRef, updateWeights, type Weights } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { buildModel, tokenBatch } from '../support/models.js';

/** A two-layer LSTM language model of the Penn Treebank's size. */
export interface Size {
  readonly hiddenSize: number;
  readonly steps: number;
  readonly batch: number;
  readonly vocabulary: number;
}

export const sizes: readonly Size[] = [
  { hiddenSize: 200, steps: 20, batch: 20, vocabulary: 10_000 },
  { hiddenSize: 650, steps: 35, batch: 20, vocabulary: 10_000 },
  { hiddenSize: 1500, steps: 35, batch: 20, vocabulary: 10_000 },
];

export const variants: Readonly<Record<string, readonly PluginRef[]>> = {
  plain: [],
  noisin: [{ name: 'noisin', distribution: 'gaussian', spread: 1 }],
  dropout: [{ name: 'dropout', input: 0.5, recurrent: 0.4, output: 0.5 }],
};

export interface Workload {
  /** Tokens of one training step. */
  readonly tokens: number;
  /** Forward, backward, clip, update; loss and norm are read, as the trainer does. */
  step(): Promise<void>;
  dispose(): void;
}

export function createWorkload(size: Size, regularizers: readonly PluginRef[]): Workload {
  const { hiddenSize, steps, batch, vocabulary } = size;
  const init = { name: 'uniform', scale: 0.05 } as const;
  const model = buildModel({ hiddenSize, tied: false, init }, regularizers, vocabulary);
  const optimizer = createOptimizer({ name: 'sgd', learningRate: 1 });
  const data = tokenBatch(steps, batch, vocabulary);
  const rng = createRng(1).stream('bench');
  let weights: Weights = model.initialize(createRng(1));
  let state: ModelState = model.initialState(batch);
  let count = 0;
  return {
    tokens: steps * batch,
    async step() {
      count += 1;
      const pass = { phase: 'train', copies: 1, average: 'log-probabilities', rng: rng.stream(`${count}`) } as const;
      const result = model.lossAndGradients(weights, data, state, 1 / batch, pass);
      const context = { learningRate: 0.1, step: count };
      const update = { optimizer, weights, slots: {}, result, clipNorm: 5, context, where: `in step ${count}` };
      ({ weights } = await updateWeights(update));
      tf.dispose([state as never, result.gradients, result.nll, result.loss]);
      state = result.state;
    },
    dispose: () => tf.dispose([weights, state as never]),
  };
}
