import cells from '@rnnx/cells';
import {
  createRng,
  createSequenceModel,
  type LanguageTask,
  type Minibatch,
  type ModelConfig,
  type NamedRegularizer,
  type PluginRef,
  PluginRegistry,
  type SequenceModel,
  type Weights,
} from '@rnnx/core';
import distributions from '@rnnx/distributions';
import dropout from '@rnnx/dropout';
import noisin from '@rnnx/noisin';
import type { ReferenceWeights } from './reference-model.js';

/** All plugins that need neither files nor a backend. */
export function testRegistry(): PluginRegistry {
  return new PluginRegistry([...cells, ...distributions, ...noisin, ...dropout]);
}

/** A language task over `size` symbols `w0`, `w1`, ... */
export function wordTask(size: number): LanguageTask {
  const symbols = Array.from({ length: size }, (_, i) => `w${i}`);
  return {
    kind: 'language-model',
    unit: 'word',
    vocabulary: {
      symbols,
      indexOf: (symbol) => {
        const index = symbols.indexOf(symbol);
        return index < 0 ? undefined : index;
      },
    },
    start: 0,
    metric: 'perplexity',
    detokenize: (tokens) => tokens.map((token) => symbols[token]).join(' '),
    tokenize: (text) => Int32Array.from(text.split(' '), (symbol) => symbols.indexOf(symbol)),
  };
}

export const smallModel: ModelConfig = {
  cell: 'lstm',
  layers: 2,
  hiddenSize: 4,
  embeddingSize: null,
  tied: true,
  initialState: 'zero',
  init: { name: 'uniform', scale: 0.5 },
  embeddingInit: null,
  outputInit: null,
  outputBiasInit: null,
};

/** A model from plugin references, as a configuration would give them. */
export function buildModel(
  config: Partial<ModelConfig> = {},
  regularizers: readonly (PluginRef | NamedRegularizer)[] = [],
  vocabulary = 7,
): SequenceModel {
  const registry = testRegistry();
  const full = { ...smallModel, ...config };
  return createSequenceModel({
    config: full,
    task: wordTask(vocabulary),
    cell: registry.create('cell', full.cell),
    regularizers: regularizers.map((entry) => {
      if (typeof entry === 'object' && 'regularizer' in entry) return entry as NamedRegularizer;
      const name = typeof entry === 'string' ? entry : entry.name;
      return { name, regularizer: registry.create('regularizer', entry as PluginRef) };
    }),
  });
}

/** Random tokens, time-major, the same for the same seed. */
export function tokenBatch(steps: number, batch: number, vocabulary = 7, seed = 5): Minibatch {
  const draw = (name: string) =>
    Int32Array.from(
      createRng(seed)
        .stream(name)
        .uniforms(steps * batch),
      (u) => Math.floor(u * vocabulary),
    );
  return { steps, batch, inputs: draw('inputs'), targets: draw('targets'), mask: null };
}

/** Time-major tokens as `[T][B]`. */
export function rows(tokens: Int32Array | Float32Array, batch: number): number[][] {
  return Array.from({ length: tokens.length / batch }, (_, t) =>
    Array.from(tokens.subarray(t * batch, (t + 1) * batch)),
  );
}

/** The weights in double precision for the reference model. */
export async function toReference(weights: Weights): Promise<ReferenceWeights> {
  const entries = Object.entries(weights).map(
    async ([name, tensor]) => [name, { shape: tensor.shape, data: Float64Array.from(await tensor.data()) }] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}
