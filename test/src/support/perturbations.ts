import {
  createRng,
  type ModelShape,
  type Perturbation,
  type PerturbContext,
  type PluginRef,
  type Regularizer,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { testRegistry } from './models.js';

/** A perturbation whose value has been read. */
export type ReadPerturbation = Omit<Extract<Perturbation, { value: tf.Tensor }>, 'value'> & {
  readonly shape: readonly number[];
  readonly values: Float32Array;
};

/** Sizes of a token LSTM whose layers have `widths` units; the embedding is as wide as the first. */
export function lstmShape(widths: readonly number[], vocabularySize = 7): ModelShape {
  return {
    vocabularySize,
    sites: ['candidate', 'readout', 'cell'],
    layers: widths.map((hiddenSize, layer) => {
      const inputSize = widths[layer - 1] ?? hiddenSize;
      return {
        inputSize,
        hiddenSize,
        gates: 4,
        inputWeight: { name: 'input', shape: [inputSize, 4 * hiddenSize] },
        recurrentWeights: [{ name: 'recurrent', shape: [hiddenSize, 4 * hiddenSize] }],
      };
    }),
    outputWeight: [vocabularySize, widths.at(-1)!],
  };
}

export function context(widths: readonly number[], changes: Partial<PerturbContext> = {}): PerturbContext {
  return {
    phase: 'train',
    model: lstmShape(widths),
    batch: 3,
    steps: 2,
    rng: createRng(21),
    parameters: {},
    ...changes,
  };
}

export function createRegularizer(ref: PluginRef): Regularizer {
  return testRegistry().create('regularizer', ref);
}

/** What a regularizer returns for one minibatch, read; no tensor stays. */
export async function perturbations(regularizer: Regularizer, at: PerturbContext): Promise<ReadPerturbation[]> {
  const made = tf.tidy(() => {
    const list = regularizer.perturb(at) as Extract<Perturbation, { value: tf.Tensor }>[];
    for (const { value } of list) tf.keep(value);
    return list as never;
  }) as unknown as Extract<Perturbation, { value: tf.Tensor }>[];
  const read = await Promise.all(
    made.map(async ({ value, ...place }) => ({
      ...place,
      shape: value.shape,
      values: Float32Array.from(await value.data()),
    })),
  );
  for (const { value } of made) value.dispose();
  return read;
}
