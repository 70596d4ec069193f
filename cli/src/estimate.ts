import { totalmem } from 'node:os';
import {
  createRng,
  type Dataset,
  type ExperimentConfig,
  evaluationWindows,
  RnnxError,
  type SequenceModel,
  trainingWindows,
  type Weights,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { bytes, count, duration } from './terminal/format.js';

/** What a run will take on this machine, from a few steps of it. */
export interface Estimate {
  /** All epochs with their validation, and the test; an upper end where training may stop early. */
  readonly seconds: number;
  /** Of training. */
  readonly tokensPerSecond: number;
  readonly parameters: number;
  /** Weights, gradients, optimizer, checkpoint, data and the activations of a minibatch, above an idle process. */
  readonly bytes: number;
}

/** Trainable numbers. */
export function countParameters({ specs }: Pick<SequenceModel, 'specs'>): number {
  return specs.reduce((sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1), 0);
}

/** The memory that this process may use: of the machine, or of its control group. */
export function availableMemory(): number {
  const constrained = process.constrainedMemory?.() ?? 0;
  return constrained > 0 ? Math.min(totalmem(), constrained) : totalmem();
}

const bytesPerFloat = 4;
/** A node process with tfjs and a backend. */
const idleBytes = 250e6;
/** Passes over all weights that an update makes, reading or writing, and how fast. */
const updatePasses = 6;
const bytesPerSecond = 5e9;
/** Longest that one of the two trial steps should take. */
const trialSeconds = 0.5;
/** Windows that stand for all where their sizes differ. */
const sampledWindows = 16;

/**
 * Takes two steps of a few time steps with throw-away weights, measures, and multiplies. The run that follows is not
 * touched by it.
 *
 * Errors: RNNX_OUT_OF_MEMORY before anything is allocated, where weights and activations cannot fit; RNNX_DATA_TOO_SMALL.
 *
 * @param available bytes; default: what there is
 */
export async function estimateRun(
  model: SequenceModel,
  dataset: Dataset,
  { training, evaluation }: Pick<ExperimentConfig, 'training' | 'evaluation'>,
  available = availableMemory(),
): Promise<Estimate> {
  const parameters = countParameters(model);
  const { train, valid, test } = dataset.splits;
  const options = { ...training, dropLast: model.estimationBatches > 0 };
  const rng = createRng(0);
  const plan = trainingWindows(train, model.task, options, rng);
  const full = plan.at(0).batch;
  const fixed = idleBytes + weightBytes(parameters, training.optimizer.name) + dataBytes(dataset);
  const least = fixed + full.steps * full.batch * model.monteCarlo.train * fewestBytesPerRow(model);
  refuseBeyond(available, least, parameters);

  const perRow = flopsPerRow(model) * model.monteCarlo.train;
  const steps = Math.max(
    1,
    Math.floor((trialSeconds * (await flopsPerSecond(full.batch, model))) / (perRow * full.batch)),
  );
  // Such sequences are never cut.
  const whole = train.kind === 'labelled' || train.kind === 'cloze';
  const bptt = whole ? training.bptt : Math.min(training.bptt, steps);
  const trial = trainingWindows(train, model.task, { ...options, bptt }, rng).at(0).batch;
  const copies = model.monteCarlo.train;
  const weights = model.initialize(rng);
  try {
    const pass = () => {
      const state = model.initialState(trial.batch * copies);
      const input = { phase: 'train', copies, average: 'log-probabilities', rng } as const;
      const result = model.lossAndGradients(weights, trial, state, 1 / trial.batch, input);
      return { result, nll: result.nll };
    };
    const { peakBytes, seconds: first } = await measured(pass, true);
    // The first step also prepares kernels; where it is long, preparing is the smaller part.
    const seconds = first > 2 * trialSeconds ? first : (await measured(pass, false)).seconds;
    const trainRow = seconds / (trial.steps * trial.batch);
    const scoreRow = (split: typeof valid, name: string) =>
      scoreSecondsPerRow(model, weights, split, evaluation, name, trainRow);
    const rows = meanRows(plan);
    const update = (parameters * bytesPerFloat * updatePasses) / bytesPerSecond;
    const estimation = Math.min(model.estimationBatches, plan.length) * rows * (trainRow / 3);
    const validating = await scoreRow(valid, 'valid');
    const testing = await scoreRow(test, 'test');
    const epoch = plan.length * (rows * trainRow + update) + estimation + validating;
    const activations = Math.max(0, peakBytes) * ((full.steps * full.batch) / (trial.steps * trial.batch));
    const needed = fixed + activations;
    refuseBeyond(available, needed, parameters, training.epochs * epoch + testing);
    return { seconds: training.epochs * epoch + testing, tokensPerSecond: 1 / trainRow, parameters, bytes: needed };
  } finally {
    tf.dispose(weights);
  }
}

/** For people: time, memory, speed. */
export function describeEstimate({ seconds, bytes: needed, tokensPerSecond, parameters }: Estimate): string {
  return `about ${duration(seconds)} and ${bytes(needed)} of memory: ${count(parameters)} parameters, ${count(tokensPerSecond)} tokens/s`;
}

function refuseBeyond(available: number, needed: number, parameters: number, seconds?: number): void {
  if (needed <= available) return;
  const time = seconds === undefined ? '' : `, and about ${duration(seconds)}`;
  throw new RnnxError('RNNX_OUT_OF_MEMORY', 'The settings are too large for the memory of this machine', {
    got: `${count(parameters)} parameters: training needs about ${bytes(needed)}${time}`,
    expected: `at most ${bytes(available)}`,
    remedy: 'lower model.hiddenSize, model.layers, training.batchSize, training.bptt or the number of samples',
  });
}

/** Weight, gradient, update, a checkpoint on the host, and what the optimizer keeps. */
function weightBytes(parameters: number, optimizer: ExperimentConfig['training']['optimizer']['name']): number {
  const slots = { sgd: 0, momentum: 1, asgd: 1, rmsprop: 2, adam: 2 }[optimizer];
  return parameters * bytesPerFloat * (4 + 2 * slots);
}

function dataBytes({ splits }: Dataset): number {
  return Object.values(splits).reduce((sum, split) => sum + arraysIn(split), 0);
}

/** Bytes of the typed arrays in a split of any kind. */
function arraysIn(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce((sum: number, inner) => sum + arraysIn(inner), 0);
}

/** Row: one time step of one example. Every gate and the outputs are kept for the backward pass. */
function fewestBytesPerRow({ shape }: SequenceModel): number {
  const gates = shape.layers.reduce((sum, { gates: g, hiddenSize }) => sum + g * hiddenSize, 0);
  return bytesPerFloat * (gates + shape.outputWeight[0]);
}

/** Products of a row with every matrix, forward and twice backward; looking a word up costs nothing. */
function flopsPerRow({ shape }: SequenceModel): number {
  const size = (of: readonly number[]) => of.reduce((product, n) => product * n, 1);
  const matrices = shape.layers.flatMap((layer) =>
    [layer.inputWeight, ...layer.recurrentWeights].map((each) => size(each.shape)),
  );
  return 6 * (matrices.reduce((sum, n) => sum + n, 0) + size(shape.outputWeight));
}

/** Of a product about as large as those of the model, small enough to be quick anywhere. */
async function flopsPerSecond(batch: number, { shape }: SequenceModel): Promise<number> {
  const width = Math.min(256, shape.layers[0]!.hiddenSize);
  const [a, b] = [tf.ones([batch, width]), tf.ones([width, 4 * width])];
  try {
    let fastest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 3; i++) {
      const began = performance.now();
      const product = tf.matMul(a, b);
      await product.data();
      product.dispose();
      fastest = Math.min(fastest, (performance.now() - began) / 1000);
    }
    return (8 * batch * width * width) / fastest;
  } finally {
    tf.dispose([a, b]);
  }
}

/** Runs a pass to its end on the device, and frees what it gave. */
async function measured(
  pass: () => { result: object; nll: tf.Scalar },
  withMemory: boolean,
): Promise<{ seconds: number; peakBytes: number }> {
  const before = tf.memory().numBytes;
  const began = performance.now();
  const run = async () => {
    const { result, nll } = tf.tidy(pass as () => never) as unknown as ReturnType<typeof pass>;
    await nll.data();
    tf.dispose(result as tf.TensorContainer);
  };
  if (!withMemory) await run();
  const profile = withMemory ? await tf.profile(run as never) : undefined;
  const seconds = (performance.now() - began) / 1000;
  return { seconds, peakBytes: (profile?.peakBytes ?? before) - before };
}

/** Seconds to score a split, from its first window cut short; a third of training's where statistics come first. */
async function scoreSecondsPerRow(
  model: SequenceModel,
  weights: Weights,
  split: Dataset['splits']['valid'],
  evaluation: ExperimentConfig['evaluation'],
  name: string,
  trainRow: number,
): Promise<number> {
  const plan = evaluationWindows(split, model.task, evaluation, name);
  const rows = plan.length * meanRows(plan);
  if (model.estimationBatches > 0) return rows * (trainRow / 3);
  const { batch } = evaluationWindows(
    split,
    model.task,
    { ...evaluation, steps: Math.min(evaluation.steps, 20) },
    name,
  ).at(0);
  const { evaluate: samples, average } = model.monteCarlo;
  const copies = Math.max(1, samples);
  const phase = samples === 0 ? ('evaluate' as const) : ('sample' as const);
  const { seconds } = await measured(() => {
    const state = model.initialState(batch.batch * copies);
    const result = model.score(weights, batch, state, { phase, copies, average, rng: createRng(0) });
    return { result, nll: result.nll };
  }, false);
  return (rows * seconds) / (batch.steps * batch.batch);
}

/** Time steps times examples of a window, on average. */
function meanRows(plan: {
  readonly length: number;
  at(i: number): { batch: { steps: number; batch: number } };
}): number {
  const samples = Math.min(plan.length, sampledWindows);
  let rows = 0;
  for (let i = 0; i < samples; i++) {
    const { batch } = plan.at(Math.floor((i * plan.length) / samples));
    rows += batch.steps * batch.batch;
  }
  return rows / samples;
}
