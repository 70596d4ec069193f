import * as tf from '@tensorflow/tfjs';
import type { Weights } from '../contracts/parameters.js';
import { RnnxError } from '../errors.js';
import type { ModelState, SequenceModel } from '../model/model.js';
import type { Rng } from '../random/rng.js';
import { extendAverage } from './optimizers/asgd.js';
import type { Optimizer, OptimizerUpdate } from './optimizers/optimizer.js';
import type { HostTensor, Progress, Snapshot } from './snapshot.js';
import { dispose, disposeReplaced, read, tidied } from './tensors.js';

type Tensors = Record<string, tf.Tensor>;
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** All that changes while training. Owns its tensors. */
export class RunState {
  weights: Tensors;
  slots: Tensors;
  /** Mean of the weights, once averaged SGD has begun. */
  average: Tensors | undefined;
  /** Statistics of the training split from the last evaluation, `statistics/...`, for models that estimate them. */
  statistics: Tensors = {};
  /** State to carry into the next minibatch of the epoch under way. */
  carried: ModelState | undefined;
  readonly progress: Mutable<Progress>;

  private constructor(weights: Tensors, slots: Tensors, progress: Progress) {
    this.weights = weights;
    this.slots = slots;
    this.progress = { ...progress };
  }

  static start(model: SequenceModel, optimizer: Optimizer, seed: number, rng: Rng): RunState {
    const weights = model.initialize(rng);
    return new RunState(weights, optimizer.initialSlots(weights), {
      seed,
      epoch: 0,
      step: 0,
      globalStep: 0,
      learningRate: 0,
      history: [],
      bestEpoch: 0,
      epochNll: 0,
      epochCount: 0,
      epochErrors: 0,
      averagingSince: null,
    });
  }

  /**
   * Takes a run up where a snapshot left it.
   *
   * Errors: RNNX_CHECKPOINT_MISMATCH where seed, names or shapes differ.
   *
   * @param carriedRows tells how many examples the carried state has, or `null` between epochs; asked once the seed fits
   */
  static restore(
    snapshot: Snapshot,
    model: SequenceModel,
    optimizer: Optimizer,
    seed: number,
    carriedRows: () => number | null,
  ): RunState {
    const { tensors, progress } = snapshot;
    if (progress.seed !== seed) throw mismatch('was made with another seed', String(progress.seed), String(seed));
    const rows = carriedRows();
    const shapes: Record<string, readonly number[]> = {};
    for (const { name, shape } of model.specs) shapes[`parameters/${name}`] = shape;
    if (progress.averagingSince !== null) for (const { name, shape } of model.specs) shapes[`average/${name}`] = shape;
    const state = tidied(() => {
      const zeros = Object.fromEntries(model.specs.map(({ name, shape }) => [name, tf.zeros([...shape])]));
      for (const [name, slot] of Object.entries(optimizer.initialSlots(zeros)))
        shapes[`optimizer/${name}`] = slot.shape;
      if (model.estimationBatches > 0)
        for (const [name, { shape }] of Object.entries(tensors)) if (isStatistic(name)) shapes[name] = shape;
      const layers = rows === null ? [] : model.initialState(rows);
      for (const [name, tensor] of stateEntries(layers)) shapes[name] = tensor.shape;
      return layers.map((layer) => Object.keys(layer));
    });
    checkShapes(tensors, shapes);

    const restored = new RunState(upload(tensors, 'parameters/'), upload(tensors, 'optimizer/'), progress);
    if (progress.averagingSince !== null) restored.average = upload(tensors, 'average/');
    restored.statistics = statisticsOf(tensors);
    if (rows !== null)
      restored.carried = state.map((names, layer) =>
        Object.fromEntries(names.map((name) => [name, toTensor(tensors[`state/${layer}/${name}`]!) as tf.Tensor2D])),
      );
    return restored;
  }

  /** The weights to evaluate and generate with. */
  get evaluated(): Weights {
    return { ...(this.average ?? this.weights), ...this.statistics };
  }

  async snapshot(): Promise<Snapshot> {
    const tensors: Record<string, HostTensor> = {};
    const groups: [string, Weights][] = [
      ['parameters/', this.weights],
      ['optimizer/', this.slots],
      ['average/', this.average ?? {}],
      ['', this.statistics],
      ['', Object.fromEntries(stateEntries(this.carried ?? []))],
    ];
    for (const [prefix, group] of groups)
      for (const [name, tensor] of Object.entries(group))
        tensors[prefix + name] = { shape: [...tensor.shape], data: await read(tensor.clone()) };
    return { tensors, progress: { ...this.progress, history: [...this.progress.history] } };
  }

  /** Takes one update over and counts it. The weights and slots before are the caller's to dispose. */
  takeUpdate({ weights, slots }: OptimizerUpdate, carried: ModelState): void {
    dispose(this.carried);
    this.weights = weights;
    this.slots = slots;
    this.carried = carried;
    this.progress.step++;
    this.progress.globalStep++;
    if (this.progress.averagingSince === null) return;
    const mean = this.average!;
    this.average = extendAverage(mean, weights, this.progress.globalStep - this.progress.averagingSince + 1);
    disposeReplaced(mean, this.average);
  }

  /**
   * Enters a validation metric, and begins to average where the optimizer wants it.
   *
   * @returns whether the metric is the best so far
   */
  finishEpoch(metric: number, optimizer: Optimizer): boolean {
    const { progress } = this;
    const best = progress.history.every((earlier) => metric < earlier);
    progress.history = [...progress.history, metric];
    progress.epoch++;
    if (best) progress.bestEpoch = progress.epoch;
    progress.step = progress.epochNll = progress.epochCount = progress.epochErrors = 0;
    this.dropCarried();
    if (progress.averagingSince === null && optimizer.startsAveraging?.(progress.history)) {
      progress.averagingSince = progress.globalStep;
      this.average = Object.fromEntries(Object.entries(this.weights).map(([name, weight]) => [name, weight.clone()]));
    }
    return best;
  }

  takeStatistics(statistics: Tensors): void {
    dispose(this.statistics);
    this.statistics = statistics;
  }

  dropCarried(): void {
    dispose(this.carried);
    this.carried = undefined;
  }

  dispose(): void {
    this.dropCarried();
    dispose(this.weights, this.slots, this.average, this.statistics);
  }
}

/**
 * The weights of a snapshot to evaluate and generate with: the mean of the iterates where averaged SGD has begun, otherwise
 * the parameters; and the statistics of models that estimate them. The caller owns them.
 */
export function restoreWeights(snapshot: Snapshot): Record<string, tf.Tensor> {
  const { tensors, progress } = snapshot;
  return {
    ...upload(tensors, progress.averagingSince === null ? 'parameters/' : 'average/'),
    ...statisticsOf(tensors),
  };
}

const isStatistic = (name: string) => name.startsWith('statistics/');

function statisticsOf(tensors: Snapshot['tensors']): Tensors {
  return upload(Object.fromEntries(Object.entries(tensors).filter(([name]) => isStatistic(name))), '');
}

function stateEntries(state: ModelState): [string, tf.Tensor2D][] {
  return state.flatMap((layer, index) =>
    Object.entries(layer).map(([name, tensor]): [string, tf.Tensor2D] => [`state/${index}/${name}`, tensor]),
  );
}

function upload(tensors: Snapshot['tensors'], prefix: string): Tensors {
  const group: Tensors = {};
  for (const [name, tensor] of Object.entries(tensors))
    if (name.startsWith(prefix)) group[name.slice(prefix.length)] = toTensor(tensor);
  return group;
}

function toTensor({ data, shape }: HostTensor): tf.Tensor {
  // A copy, because the CPU backend would work on the snapshot's own array.
  return tf.tensor(data.slice(), [...shape], 'float32');
}

function checkShapes(tensors: Snapshot['tensors'], shapes: Readonly<Record<string, readonly number[]>>): void {
  const show = (shape: readonly number[]) => `[${shape.join(', ')}]`;
  for (const [name, shape] of Object.entries(shapes)) {
    const tensor = tensors[name];
    if (tensor === undefined) throw mismatch(`lacks "${name}"`, 'nothing', show(shape));
    const size = shape.reduce((product, n) => product * n, 1);
    if (show(tensor.shape) !== show(shape) || tensor.data.length !== size)
      throw mismatch(
        `has "${name}" of another shape`,
        `${show(tensor.shape)}, ${tensor.data.length} values`,
        `${show(shape)}, ${size} values`,
      );
  }
  const surplus = Object.keys(tensors).find((name) => !(name in shapes));
  if (surplus !== undefined)
    throw mismatch(`has "${surplus}", which this run does not know`, surplus, 'no such tensor');
}

export function mismatch(what: string, got: string, expected: string): RnnxError {
  return new RnnxError('RNNX_CHECKPOINT_MISMATCH', `The checkpoint ${what}`, {
    got,
    expected,
    remedy: 'resume with the configuration and the seed that made the checkpoint',
  });
}
