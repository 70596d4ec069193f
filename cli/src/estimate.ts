import { totalmem } from 'node:os';
import {
  type AnyMinibatch,
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
import {
  type Cost,
  firstCost,
  flopsPerSecond,
  leastSeconds,
  runPass,
  trackingSeconds,
  trialWeights,
} from './estimate/trial.js';
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
/** Longest that a trial should take, where it can be cut to no fewer steps; and after which a first one must do. */
const trialSeconds = 0.1;
const fewestSteps = 4;
const patienceSeconds = 3;
/** Time steps of a trial evaluation. */
const trialSteps = 20;
/** Windows that stand for all where their sizes differ. */
const sampledWindows = 16;

/** How large a run is, before anything of it is tried. */
export interface RunSize {
  readonly parameters: number;
  /** Floating point operations of all epochs with their validation, and of the test; and of one row of training. */
  readonly flops: number;
  readonly flopsPerRow: number;
  /** Whatever the minibatch, and with the least that it can take. */
  readonly fixedBytes: number;
  readonly leastBytes: number;
}

type Settings = Pick<ExperimentConfig, 'training' | 'evaluation'>;

/** Errors: RNNX_DATA_TOO_SMALL. */
export function sizeOf(model: SequenceModel, dataset: Dataset, { training, evaluation }: Settings): RunSize {
  const { valid, test } = dataset.splits;
  const plan = trainingPlan(model, dataset, training);
  const { steps, batch } = plan.at(0).batch;
  const parameters = countParameters(model);
  const copies = model.monteCarlo.train;
  const fixedBytes = idleBytes + weightBytes(parameters, training.optimizer.name) + dataBytes(dataset);
  const scored = (split: typeof valid, name: string) => {
    const windows = evaluationWindows(split, model.task, evaluation, name);
    return (windows.length * meanRows(windows) * Math.max(1, model.monteCarlo.evaluate)) / 3;
  };
  const flopsPerRow = flopsOfRow(model) * copies;
  const epoch = plan.length * meanRows(plan) * copies + scored(valid, 'valid');
  return {
    parameters,
    flops: flopsOfRow(model) * (training.epochs * epoch + scored(test, 'test')),
    flopsPerRow,
    fixedBytes,
    leastBytes: fixedBytes + steps * batch * copies * fewestBytesPerRow(model),
  };
}

function trainingPlan(model: SequenceModel, { splits }: Dataset, training: ExperimentConfig['training']) {
  return trainingWindows(
    splits.train,
    model.task,
    { ...training, dropLast: model.estimationBatches > 0 },
    createRng(0),
  );
}

/**
 * What a run will take if it is to its size as another is: without a trial.
 *
 * Errors: RNNX_OUT_OF_MEMORY.
 *
 * @param available bytes; default: what there is
 */
export function scaledEstimate(
  size: RunSize,
  like: { readonly size: RunSize; readonly estimate: Estimate },
  available = availableMemory(),
): Estimate {
  const activations = (like.estimate.bytes - like.size.fixedBytes) / (like.size.leastBytes - like.size.fixedBytes);
  const bytesNeeded = size.fixedBytes + (size.leastBytes - size.fixedBytes) * activations;
  const seconds = (like.estimate.seconds * size.flops) / like.size.flops;
  refuseBeyond(available, bytesNeeded, size.parameters, seconds);
  return {
    seconds,
    tokensPerSecond: (like.estimate.tokensPerSecond * like.size.flopsPerRow) / size.flopsPerRow,
    parameters: size.parameters,
    bytes: bytesNeeded,
  };
}

/**
 * Takes a few time steps forward and back with throw-away weights, measures, and multiplies. The run that follows is not
 * touched by it.
 *
 * Errors: RNNX_OUT_OF_MEMORY before anything is allocated, where weights and activations cannot fit; RNNX_DATA_TOO_SMALL.
 *
 * @param available bytes; default: what there is
 */
export async function estimateRun(
  model: SequenceModel,
  dataset: Dataset,
  settings: Settings,
  available = availableMemory(),
): Promise<Estimate> {
  const { training, evaluation } = settings;
  const { parameters, fixedBytes, leastBytes, flopsPerRow } = sizeOf(model, dataset, settings);
  const { train, valid, test } = dataset.splits;
  const rng = createRng(0);
  const plan = trainingPlan(model, dataset, training);
  const full = plan.at(0).batch;
  refuseBeyond(available, leastBytes, parameters);

  const copies = model.monteCarlo.train;
  const speed = await flopsPerSecond(full.batch, model.shape.layers[0]!.hiddenSize);
  const affordable = (trialSeconds * speed) / (flopsPerRow * full.batch);
  // Such sequences are never cut.
  const whole = train.kind === 'labelled' || train.kind === 'cloze';
  const cut = (steps: number) => {
    const bptt = whole ? training.bptt : Math.min(training.bptt, steps);
    return trainingPlan(model, dataset, { ...training, bptt }).at(0).batch;
  };
  const weights = trialWeights(model);
  try {
    const pass = (batch: AnyMinibatch) => () => {
      const state = model.initialState(batch.batch * copies);
      const input = { phase: 'train', copies, average: 'log-probabilities', rng } as const;
      const result = model.lossAndGradients(weights, batch, state, 1 / batch.batch, input);
      return { result, nll: result.nll };
    };
    const step = lineThrough(
      await trials(pass, cut(1), cut(Math.max(fewestSteps, Math.floor(affordable)))),
      parameters,
    );
    const rows = meanRows(plan);
    const update = (parameters * bytesPerFloat * updatePasses) / bytesPerSecond;
    const window = step.fixed.seconds + rows * step.row.seconds + update;
    const scoring = (split: Dataset['splits']['valid'], name: string) =>
      scoreSeconds(model, weights, split, evaluation, name, step.row.seconds);
    const validating = (await scoring(valid, 'valid')) + Math.min(model.estimationBatches, plan.length) * (window / 3);
    const tracking = await trackingSeconds(training.track, model);
    const epoch = plan.length * window + validating + tracking;
    const seconds = training.epochs * epoch + (await scoring(test, 'test'));
    const needed = fixedBytes + step.fixed.bytes + full.steps * full.batch * step.row.bytes;
    refuseBeyond(available, needed, parameters, seconds);
    return { seconds, tokensPerSecond: rows / window, parameters, bytes: needed };
  } finally {
    tf.dispose(weights);
  }
}

type Trial = readonly [rows: number, cost: Cost];

/** A short pass and a longer one, after one that prepares kernels; a single one where it is long, or cannot be cut. */
async function trials(
  pass: (batch: AnyMinibatch) => Parameters<typeof runPass>[0],
  short: AnyMinibatch,
  long: AnyMinibatch,
): Promise<readonly Trial[]> {
  const rowsOf = ({ steps, batch }: AnyMinibatch) => steps * batch;
  const first = await firstCost(pass(short));
  if (first.seconds > patienceSeconds) return [[rowsOf(short), first]];
  const repeated = async (batch: AnyMinibatch, { bytes: needed }: Cost): Promise<Trial> => [
    rowsOf(batch),
    { bytes: needed, seconds: await leastSeconds(() => runPass(pass(batch))) },
  ];
  const again = await repeated(short, first);
  return rowsOf(long) > rowsOf(short) ? [again, await repeated(long, await firstCost(pass(long)))] : [again];
}

/** What every pass costs and what each row adds; all but the gradients by the rows where there is one trial only. */
function lineThrough([short, long]: readonly Trial[], parameters: number): { fixed: Cost; row: Cost } {
  const between = (quantity: keyof Cost) => {
    const [rows, cost] = short!;
    if (long === undefined) {
      const fixed = quantity === 'bytes' ? Math.min(cost.bytes, parameters * bytesPerFloat) : 0;
      return { fixed, row: (cost[quantity] - fixed) / rows };
    }
    const alone = cost[quantity] / rows;
    // Noise of the clock must not make a row free, nor the rest negative.
    const row = Math.min(
      Math.max((long[1][quantity] - cost[quantity]) / (long[0] - rows), alone / 1000),
      long[1][quantity] / long[0],
    );
    return { fixed: long[1][quantity] - long[0] * row, row };
  };
  const [seconds, bytesOf] = [between('seconds'), between('bytes')];
  return {
    fixed: { seconds: seconds.fixed, bytes: bytesOf.fixed },
    row: { seconds: seconds.row, bytes: bytesOf.row },
  };
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
function flopsOfRow({ shape }: SequenceModel): number {
  const size = (of: readonly number[]) => of.reduce((product, n) => product * n, 1);
  const matrices = shape.layers.flatMap((layer) =>
    [layer.inputWeight, ...layer.recurrentWeights].map((each) => size(each.shape)),
  );
  return 6 * (matrices.reduce((sum, n) => sum + n, 0) + size(shape.outputWeight));
}

/** Seconds to score a split, from its first window cut short; a third of training's where statistics come first. */
async function scoreSeconds(
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
  const few = { ...evaluation, steps: Math.min(evaluation.steps, trialSteps) };
  const { batch } = evaluationWindows(split, model.task, few, name).at(0);
  const { evaluate: samples, average } = model.monteCarlo;
  const copies = Math.max(1, samples);
  const phase = samples === 0 ? ('evaluate' as const) : ('sample' as const);
  const seconds = await leastSeconds(() =>
    runPass(() => {
      const state = model.initialState(batch.batch * copies);
      const result = model.score(weights, batch, state, { phase, copies, average, rng: createRng(0) });
      return { result, nll: result.nll };
    }),
  );
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
