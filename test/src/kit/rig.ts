import {
  type Cell,
  createRng,
  createSequenceModel,
  estimateStatistics,
  type Minibatch,
  type ModelConfig,
  type ModelState,
  type NamedRegularizer,
  type Rng,
  type SequenceModel,
  type Task,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

/** No two sizes are equal, so that a swapped dimension shows. */
export const sizes = { vocabulary: 11, frame: 7, embedding: 6, hidden: 5, layers: 2, batch: 3, steps: 4 } as const;

export type TaskKind = 'tokens' | 'bernoulli' | 'gaussian';

export interface RigOptions {
  readonly cell: Cell;
  readonly regularizers: readonly NamedRegularizer[];
  readonly task: TaskKind;
  readonly steps?: number;
  readonly batch?: number;
  readonly layers?: number;
}

export interface TrainingPass {
  /** Loss, NLL and the state after the last step: all that the pass computed besides gradients. */
  readonly outcome: Float32Array;
  readonly loss: number;
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

type Tensors = Record<string, tf.Tensor>;

/** A small model with its weights, one minibatch and a carried state that is not zero. Every pass is a function of the rng. */
export class Rig {
  readonly model: SequenceModel;
  readonly batch: Minibatch;
  readonly weights: Tensors;
  readonly copies: number;
  #statistics: Tensors | undefined;

  constructor({ cell, regularizers, task, ...options }: RigOptions) {
    const { steps = sizes.steps, batch = sizes.batch, layers = sizes.layers } = options;
    const config = { ...baseConfig, layers };
    this.model = createSequenceModel({ config, task: taskOf(task), cell, regularizers });
    this.weights = this.model.initialize(createRng(7));
    this.batch = minibatch(task, steps, batch, createRng(8));
    this.copies = this.model.monteCarlo.train;
  }

  /** Copies of the regularizer's parameters, without the prefix. */
  parametersOf(owner: string): Tensors {
    const found = Object.entries(this.weights).filter(([name]) => name.startsWith(`${owner}/`));
    return Object.fromEntries(found.map(([name, value]) => [name.slice(owner.length + 1), value]));
  }

  /** Statistics of the training split where the model wants them: those of two minibatches. */
  async statistics(): Promise<Tensors> {
    if (this.#statistics === undefined) {
      const { steps, batch } = this.batch;
      const other = minibatch(kindOf(this.model.task), steps, batch, createRng(9));
      const windows = [this.batch, other].map((data) => ({ batch: data, fresh: true }));
      const plan = { length: 2, at: (index: number) => windows[index]! };
      const none = this.model.estimationBatches === 0;
      this.#statistics = none ? {} : await estimateStatistics(this.model, this.weights, plan as never, createRng(10));
    }
    return this.#statistics;
  }

  /** Phase `train`. */
  async train(rng: Rng, weights: Tensors = this.weights): Promise<TrainingPass> {
    const result = this.trainOnce(rng, weights);
    const outcome = await readAll([result.loss, result.nll, ...stateTensors(result.state)]);
    const gradients = new Map<string, Float32Array>();
    for (const [name, gradient] of Object.entries(result.gradients)) gradients.set(name, await read(gradient));
    tf.dispose(result as never);
    return { outcome, loss: outcome[0]!, gradients };
  }

  /** The same without reading anything; the caller owns the result. */
  trainOnce(rng: Rng, weights: Tensors = this.weights) {
    const { model, batch, copies } = this;
    const state = this.state(copies);
    const pass = { phase: 'train', copies, average: 'log-probabilities', rng } as const;
    try {
      return model.lossAndGradients(weights, batch, state, 1 / batch.batch, pass);
    } finally {
      tf.dispose(state as never);
    }
  }

  /** Phase `evaluate` (or `sample`, with as many copies as the model wants): NLL and state. */
  async evaluate(rng: Rng, phase: 'evaluate' | 'sample' = 'evaluate'): Promise<Float32Array> {
    const copies = phase === 'sample' ? Math.max(1, this.model.monteCarlo.evaluate) : 1;
    const weights = { ...this.weights, ...(await this.statistics()) };
    const state = this.state(copies);
    const pass = { phase, copies, average: this.model.monteCarlo.average, rng };
    const result = this.model.score(weights, this.batch, state, pass);
    const outcome = await readAll([result.nll, ...stateTensors(result.state)]);
    tf.dispose([state, result] as never);
    return outcome;
  }

  /** The carried state before the minibatch; the caller owns it. */
  state(copies: number): ModelState {
    const rng = createRng(12);
    return this.model.initialState(this.batch.batch * copies).map((layer, index) =>
      Object.fromEntries(
        Object.entries(layer).map(([name, zero]) => {
          const values = rng.stream(`${index}/${name}`).uniforms(zero.size);
          // Positive, because a state may be a variance.
          const tensor = tf.tensor2d(
            values.map((u) => u * 0.8),
            zero.shape,
          );
          zero.dispose();
          return [name, tensor];
        }),
      ),
    );
  }

  dispose(): void {
    tf.dispose([this.weights, this.#statistics ?? {}]);
  }
}

const baseConfig: ModelConfig = {
  cell: 'kit-lstm',
  layers: sizes.layers,
  hiddenSize: sizes.hidden,
  embeddingSize: sizes.embedding,
  tied: false,
  initialState: 'zero',
  init: { name: 'uniform', scale: 0.6 },
  embeddingInit: null,
  outputInit: null,
  outputBiasInit: null,
};

function taskOf(kind: TaskKind): Task {
  if (kind !== 'tokens') return { kind: 'frames', size: sizes.frame, likelihood: kind, metric: 'nll-per-step' };
  const symbols = Array.from({ length: sizes.vocabulary }, (_, i) => `w${i}`);
  return {
    kind: 'language-model',
    unit: 'word',
    vocabulary: { symbols, indexOf: (symbol) => (symbols.includes(symbol) ? symbols.indexOf(symbol) : undefined) },
    start: 0,
    metric: 'perplexity',
    detokenize: (tokens) => tokens.map((token) => symbols[token]).join(' '),
    tokenize: (text) => Int32Array.from(text.split(' '), (symbol) => symbols.indexOf(symbol)),
  };
}

function kindOf(task: Task): TaskKind {
  return task.kind === 'frames' ? task.likelihood : 'tokens';
}

function minibatch(task: TaskKind, steps: number, batch: number, rng: Rng): Minibatch {
  const draw = (name: string) => {
    const stream = rng.stream(name);
    if (task === 'tokens')
      return Int32Array.from(stream.uniforms(steps * batch), (u) => Math.floor(u * sizes.vocabulary));
    const uniforms = stream.uniforms(steps * batch * sizes.frame);
    return uniforms.map((u) => (task === 'bernoulli' ? Number(u < 0.4) : u));
  };
  return { steps, batch, inputs: draw('inputs'), targets: draw('targets'), mask: null };
}

function stateTensors(state: ModelState): tf.Tensor[] {
  return state.flatMap((layer) => Object.values(layer));
}

/** A copy, since a backend may hand out its own buffer. */
export async function read(tensor: tf.Tensor): Promise<Float32Array> {
  return Float32Array.from(await tensor.data());
}

async function readAll(tensors: readonly tf.Tensor[]): Promise<Float32Array> {
  const parts = await Promise.all(tensors.map(read));
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/** Bit for bit; NaN equals NaN, and 0 is not -0. */
export function sameBits(left: Float32Array, right: Float32Array): boolean {
  if (left.length !== right.length) return false;
  const [a, b] = [left, right].map((values) => new Uint32Array(values.buffer, values.byteOffset, values.length));
  return a!.every((word, i) => word === b![i]);
}

/** Every bit in a short text, to compare by. */
export function digest(values: Float32Array): string {
  let hash = 0x811c9dc5;
  for (const word of new Uint32Array(values.buffer, values.byteOffset, values.length))
    hash = Math.imul(hash ^ word, 0x01000193) ^ (hash >>> 15);
  return `${values.length}:${(hash >>> 0).toString(16)}`;
}
