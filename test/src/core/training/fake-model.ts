import type {
  Dataset,
  FrameTask,
  GradientResult,
  LanguageTask,
  Minibatch,
  ModelState,
  MonteCarlo,
  PassOptions,
  PassResult,
  Rng,
  SequenceModel,
  Snapshot,
  Task,
  TrainingConfig,
  TrainingEvent,
  Weights,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

export const vocabularySize = 5;

export const languageTask: LanguageTask = {
  kind: 'language-model',
  unit: 'word',
  vocabulary: { symbols: ['a', 'b', 'c', 'd', 'e'], indexOf: (symbol) => 'abcde'.indexOf(symbol) },
  start: 4,
  metric: 'perplexity',
  detokenize: (tokens) => tokens.join(' '),
  tokenize: (text) => Int32Array.from(text.split(' '), Number),
};

export const frameTask: FrameTask = { kind: 'frames', size: 2, likelihood: 'gaussian', metric: 'nll-per-step' };

export interface FakeOptions {
  readonly task?: Task;
  readonly monteCarlo?: MonteCarlo;
  /** Standard deviation of noise on the state outside the phase `evaluate`. */
  readonly noise?: number;
  /** Default 3. */
  readonly hiddenSize?: number;
  /** Changes the n-th (from 1) result of `lossAndGradients`. */
  readonly tamper?: (result: GradientResult, call: number) => GradientResult;
}

export interface Call {
  readonly batch: Minibatch;
  readonly options: PassOptions;
  readonly lossScale?: number;
  /** Values of the carried state. */
  readonly state: Float32Array;
}

/**
 * A small recurrent network written for clarity: h' = tanh(x E + h R + noise), softmax or unit-variance Gaussian on top.
 * Host loops over time, one-hot inputs. It logs its calls.
 */
export class FakeModel implements SequenceModel {
  readonly hiddenSize: number;
  readonly task: Task;
  readonly monteCarlo: MonteCarlo;
  readonly estimationBatches = 0;
  readonly specs: SequenceModel['specs'];
  readonly shape: SequenceModel['shape'];
  readonly calls: Call[] = [];
  readonly #options: FakeOptions;
  #gradientCalls = 0;

  constructor(options: FakeOptions = {}) {
    this.#options = options;
    this.hiddenSize = options.hiddenSize ?? 3;
    this.task = options.task ?? languageTask;
    this.monteCarlo = options.monteCarlo ?? { train: 1, evaluate: 0, average: 'probabilities' };
    const width = this.#width;
    this.specs = [
      { name: 'input', shape: [width, this.hiddenSize] },
      { name: 'recurrent', shape: [this.hiddenSize, this.hiddenSize] },
      { name: 'output', shape: [this.hiddenSize, width] },
    ];
    this.shape = { vocabularySize, sites: [], layers: [], outputWeight: [width, this.hiddenSize] };
  }

  get #width(): number {
    return this.task.kind === 'frames' ? this.task.size : vocabularySize;
  }

  report(weights: Weights): Record<string, tf.Tensor> {
    return { 'fake/first': tf.tidy(() => tf.slice(weights.output!, [0, 0], [1, 1])) };
  }

  initialize(rng: Rng): Record<string, tf.Tensor> {
    return tf.tidy(() =>
      Object.fromEntries(this.specs.map(({ name, shape }) => [name, tf.mul(rng.stream(name).normal(shape), 0.5)])),
    );
  }

  initialState(batch: number): ModelState {
    return [{ h: tf.zeros([batch, this.hiddenSize]) as tf.Tensor2D }];
  }

  lossAndGradients(
    weights: Weights,
    batch: Minibatch,
    state: ModelState,
    lossScale: number,
    options: PassOptions,
  ): GradientResult {
    this.#log(batch, state, options, lossScale);
    const names = this.specs.map(({ name }) => name);
    let forward: PassResult | undefined;
    const { value, grads } = tf.valueAndGrads((...tensors: tf.Tensor[]) => {
      forward = this.#forward(Object.fromEntries(names.map((name, i) => [name, tensors[i]!])), batch, state, options);
      tf.keep(forward.nll);
      tf.keep(forward.state[0]!.h!);
      return tf.mul(forward.nll, lossScale);
    })(names.map((name) => weights[name]!));
    const gradients = Object.fromEntries(names.map((name, i) => [name, grads[i]!]));
    const result = { ...forward!, loss: value as tf.Scalar, gradients };
    return this.#options.tamper?.(result, ++this.#gradientCalls) ?? result;
  }

  score(weights: Weights, batch: Minibatch, state: ModelState, options: PassOptions): PassResult {
    this.#log(batch, state, options);
    return tf.tidy(() => this.#forward(weights, batch, state, options) as never) as PassResult;
  }

  nextLogProbabilities(weights: Weights, batch: Minibatch, state: ModelState, options: PassOptions) {
    this.#log(batch, state, options);
    return tf.tidy(() => {
      const { hidden, h } = this.#run(weights, batch, state, options);
      const logits = tf.matMul(hidden.at(-1)!, weights.output as tf.Tensor2D);
      const each = tf.reshape(tf.logSoftmax(logits), [options.copies, batch.batch, vocabularySize]);
      const logProbabilities = tf.sub(tf.logSumExp(each, 0), Math.log(options.copies)) as tf.Tensor2D;
      return { logProbabilities, state: [{ h }] } as never;
    }) as { logProbabilities: tf.Tensor2D; state: ModelState };
  }

  #log(batch: Minibatch, state: ModelState, options: PassOptions, lossScale?: number): void {
    const h = state[0]!.h!.dataSync<'float32'>().slice();
    this.calls.push({ batch, options, state: h, ...(lossScale !== undefined && { lossScale }) });
  }

  /** Values of step t as `[K·B, N]`. */
  #step(values: Int32Array | Float32Array, { batch }: Minibatch, t: number, copies: number): tf.Tensor2D {
    const width = this.#width;
    const rows: number[][] = [];
    for (let k = 0; k < copies; k++)
      for (let b = 0; b < batch; b++)
        rows.push(
          Array.from({ length: width }, (_, n) =>
            this.task.kind === 'language-model'
              ? Number(values[t * batch + b] === n)
              : values[(t * batch + b) * width + n]!,
          ),
        );
    return tf.tensor2d(rows);
  }

  #run(weights: Weights, batch: Minibatch, state: ModelState, { copies, phase, rng }: PassOptions) {
    let h = state[0]!.h!;
    const hidden: tf.Tensor2D[] = [];
    const { noise = 0 } = this.#options;
    for (let t = 0; t < batch.steps; t++) {
      const x = tf.matMul(this.#step(batch.inputs, batch, t, copies), weights.input as tf.Tensor2D);
      let sum = tf.add(x, tf.matMul(h, weights.recurrent as tf.Tensor2D));
      if (phase !== 'evaluate' && noise > 0) sum = tf.add(sum, tf.mul(rng.stream(`t-${t}`).normal(sum.shape), noise));
      h = tf.tanh(sum) as tf.Tensor2D;
      hidden.push(h);
    }
    return { hidden, h: h.clone() as tf.Tensor2D };
  }

  #forward(weights: Weights, batch: Minibatch, state: ModelState, options: PassOptions): PassResult {
    const { hidden, h } = this.#run(weights, batch, state, options);
    const { copies, average } = options;
    const perStep = hidden.map((top, t) => {
      const output = tf.matMul(top, weights.output as tf.Tensor2D);
      const target = this.#step(batch.targets, batch, t, copies);
      const logp =
        this.task.kind === 'language-model'
          ? tf.sum(tf.mul(tf.logSoftmax(output), target), 1)
          : tf.mul(tf.sum(tf.square(tf.sub(output, target)), 1), -0.5);
      const each = tf.reshape(logp, [copies, batch.batch]);
      const mean = average === 'probabilities' ? tf.sub(tf.logSumExp(each, 0), Math.log(copies)) : tf.mean(each, 0);
      if (batch.mask === null) return tf.sum(mean);
      return tf.sum(tf.mul(mean, tf.tensor1d(batch.mask.slice(t * batch.batch, (t + 1) * batch.batch))));
    });
    return { nll: tf.neg(tf.addN(perStep)) as tf.Scalar, state: [{ h }] };
  }
}

/** Tokens of a noisy cycle, the same for the same arguments. */
export function tokens(count: number, phase = 0): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => (i * i + phase + (i % 3)) % vocabularySize);
}

export function languageData(train = 60, valid = 23): Dataset {
  return {
    name: 'fake',
    task: languageTask,
    splits: {
      train: { kind: 'tokens', tokens: tokens(train) },
      valid: { kind: 'tokens', tokens: tokens(valid) },
      test: { kind: 'tokens', tokens: tokens(11, 2) },
    },
    notes: [],
  };
}

/** Sequences of the given numbers of frames, values never zero and all different. */
export function sequences(lengths: readonly number[], size = frameTask.size): Float32Array[] {
  return lengths.map((length, n) => Float32Array.from({ length: length * size }, (_, i) => n + 1 + i / 100));
}

export function frameData(): Dataset {
  const split = (lengths: number[]) => ({ kind: 'frames', sequences: sequences(lengths) }) as const;
  return {
    name: 'fake-frames',
    task: frameTask,
    splits: { train: split([5, 3, 8, 2, 6]), valid: split([4, 7]), test: split([3]) },
    notes: [],
  };
}

export const training: TrainingConfig = {
  epochs: 2,
  batchSize: 3,
  bptt: 4,
  carryState: true,
  segments: 'streamed',
  lossReduction: 'mean',
  optimizer: { name: 'sgd', learningRate: 0.2 },
  schedule: { name: 'constant' },
  clipNorm: null,
  patience: null,
  checkpointEvery: null,
  reportEvery: 1,
  track: [],
};

export const evaluation = { batchSize: 1, steps: 7 };

export async function collect(events: AsyncIterable<TrainingEvent>): Promise<TrainingEvent[]> {
  const all: TrainingEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

export function ofType<T extends TrainingEvent['type']>(events: readonly TrainingEvent[], type: T) {
  return events.filter((event): event is Extract<TrainingEvent, { type: T }> => event.type === type);
}

/** The last checkpoint to resume from. */
export function lastSnapshot(events: readonly TrainingEvent[]): Snapshot {
  return ofType(events, 'checkpoint').findLast((event) => !event.best)!.snapshot;
}
