import cells from '@rnnx/cells';
import {
  type ClozeMinibatch,
  type ClozeTask,
  createRng,
  createSequenceModel,
  type ModelConfig,
  type NamedRegularizer,
  type PassOptions,
  type PluginRef,
  PluginRegistry,
  type SequenceModel,
  type TokenBlock,
} from '@rnnx/core';
import datasets from '@rnnx/datasets';
import * as tf from '@tensorflow/tfjs';
import { smallModel } from './models.js';

const registry = new PluginRegistry([...cells, ...datasets]);

export interface ClozeSizes {
  readonly vocabulary: number;
  /** The last so many tokens are the answers. */
  readonly answers: number;
}

export function clozeTask({ vocabulary, answers }: ClozeSizes): ClozeTask {
  const symbols = Array.from({ length: vocabulary }, (_, i) => `w${i}`);
  const entities = Array.from({ length: answers }, (_, i) => vocabulary - answers + i);
  const indexOf = (symbol: string) => (symbols.includes(symbol) ? symbols.indexOf(symbol) : undefined);
  return { kind: 'cloze', vocabulary: { symbols, indexOf }, entities, answers: entities, metric: 'error-rate' };
}

/** A small Attentive Reader, as a configuration would give it. */
export function buildReader(
  sizes: ClozeSizes,
  config: Partial<ModelConfig> = {},
  regularizers: readonly NamedRegularizer[] = [],
): SequenceModel {
  const full = { ...smallModel, layers: 1, tied: false, ...config };
  const cell = registry.create('cell', full.cell as PluginRef);
  return createSequenceModel({ config: full, task: clozeTask(sizes), cell, regularizers });
}

/** Sequences padded at their end by a token that is not 0, so that one that is read shows. */
export function tokenBlock(sequences: readonly (readonly number[])[], padding = 1): TokenBlock {
  const steps = Math.max(...sequences.map(({ length }) => length));
  const at = (t: number) => sequences.map((tokens) => tokens[t]);
  const all = Array.from({ length: steps }, (_, t) => at(t)).flat();
  const mask = Float32Array.from(all, (token) => Number(token !== undefined));
  return { steps, inputs: Int32Array.from(all, (token) => token ?? padding), mask: mask.includes(0) ? mask : null };
}

export function clozeBatch(
  passages: readonly (readonly number[])[],
  questions: readonly (readonly number[])[],
  answers: readonly number[],
  padding = 1,
): ClozeMinibatch {
  const question = tokenBlock(questions, padding);
  const block = tokenBlock(passages, padding);
  return { kind: 'cloze', batch: answers.length, ...block, question, answers: Int32Array.from(answers) };
}

export const trainingPass: PassOptions = {
  phase: 'train',
  copies: 1,
  average: 'log-probabilities',
  rng: createRng(3),
};

export interface ReadPass {
  readonly nll: number;
  readonly errors: number;
}

/** NLL and errors without gradients. */
export async function scoreOf(
  model: SequenceModel,
  weights: Record<string, tf.Tensor>,
  batch: ClozeMinibatch,
  options: PassOptions = { ...trainingPass, phase: 'evaluate' },
): Promise<ReadPass> {
  const { nll, errors } = model.score(weights, batch, [], options);
  const [[sum], [wrong]] = [await nll.data(), await errors!.data()];
  tf.dispose([nll, errors!]);
  return { nll: sum!, errors: wrong! };
}

/** Loss and gradients of a training pass, read. */
export async function gradientsOf(
  model: SequenceModel,
  weights: Record<string, tf.Tensor>,
  batch: ClozeMinibatch,
  options: PassOptions = trainingPass,
): Promise<ReadPass & { readonly loss: number; readonly gradients: Record<string, Float32Array> }> {
  const result = model.lossAndGradients(weights, batch, [], 1, options);
  const gradients: Record<string, Float32Array> = {};
  for (const [name, gradient] of Object.entries(result.gradients))
    gradients[name] = Float32Array.from(await gradient.data());
  const [[loss], [nll], [errors]] = [await result.loss.data(), await result.nll.data(), await result.errors!.data()];
  tf.dispose(result as never);
  return { loss: loss!, nll: nll!, errors: errors!, gradients };
}
