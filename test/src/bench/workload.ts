import batchNormLstm from '@rnnx/batch-norm-lstm';
import cells from '@rnnx/cells';
import {
  type AnyMinibatch,
  type Cell,
  createOptimizer,
  createRng,
  createSequenceModel,
  type ModelState,
  type PluginRef,
  PluginRegistry,
  startUpdate,
  type Task,
  type Weights,
} from '@rnnx/core';
import distributions from '@rnnx/distributions';
import dropconnect from '@rnnx/dropconnect';
import dropout from '@rnnx/dropout';
import fastDropout from '@rnnx/fast-dropout';
import galDropout from '@rnnx/gal-dropout';
import noisin from '@rnnx/noisin';
import weightNoise from '@rnnx/weight-noise';
import zoneout from '@rnnx/zoneout';
import * as tf from '@tensorflow/tfjs';
import { smallModel, tokenBatch, wordTask } from '../support/models.js';

/** What acts beside the plain model, by the name that tables and PyTorch's programs have for it. */
export const variants = {
  plain: [],
  noisin: [{ name: 'noisin', distribution: 'gaussian', spread: 1 }],
  dropout: [{ name: 'dropout', input: 0.5, recurrent: 0.4, output: 0.5 }],
  'gal-tied': [{ name: 'gal-dropout', input: 0.3, recurrent: 0.3, output: 0.3, gates: 'tied' }],
  'gal-untied': [{ name: 'gal-dropout', input: 0.3, recurrent: 0.3, output: 0.3, gates: 'untied' }],
  zoneout: [{ name: 'zoneout', hidden: 0.05, cell: 0.5 }],
  dropconnect: [{ name: 'dropconnect', rate: 0.5 }],
  'dropconnect-step': [{ name: 'dropconnect', rate: 0.5, lifetime: 'step' }],
  'weight-noise': [{ name: 'weight-noise', std: 0.05, lifetime: 'step' }],
  'batch-norm': [{ name: 'batch-norm-lstm' }],
} as const satisfies Readonly<Record<string, readonly PluginRef[]>>;

export type Variant = keyof typeof variants;

const cellRefs = {
  lstm: 'lstm',
  gru: 'gru',
  rnn: 'rnn',
  'fast-dropout': { name: 'fast-dropout', input: 0.2, recurrent: 0.2, output: 0.2 },
} as const satisfies Readonly<Record<string, PluginRef>>;

/** A model and its minibatch, as data: child processes and PyTorch's programs are told the same. */
export interface Spec {
  /** Words in, a word out at every step; notes in, notes out at every step; frames in, one class at the end. */
  readonly task: 'language' | 'music' | 'digits';
  readonly cell: keyof typeof cellRefs;
  readonly layers: number;
  readonly hidden: number;
  /** T */
  readonly steps: number;
  /** B */
  readonly batch: number;
  /** Words, notes, or values of a frame. */
  readonly inputs: number;
  /** Words, notes, or classes. */
  readonly outputs: number;
  readonly variant: Variant;
  /** Hides from backends that they know this cell as one kernel: it runs as a plugin author's own, operation by operation. */
  readonly composed?: boolean;
}

export interface Workload {
  /**
   * One training step: forward, backward, clip, update; loss and norm are read, as the trainer does.
   *
   * @returns the sum of the negative log-likelihood
   */
  step(): Promise<number>;

  /** The same number of steps as the trainer takes them: where the backend lets it, ahead of the losses. */
  run(steps: number): Promise<unknown>;

  /** As many as fit into `seconds`, at least one; steps a second. */
  speed(seconds: number): Promise<number>;
  dispose(): void;
}

const registry = new PluginRegistry([
  ...batchNormLstm,
  ...cells,
  ...distributions,
  ...dropconnect,
  ...dropout,
  ...fastDropout,
  ...galDropout,
  ...noisin,
  ...weightNoise,
  ...zoneout,
]);

export function createWorkload(spec: Spec): Workload {
  const { batch } = spec;
  const model = createModel(spec);
  const optimizer = createOptimizer({ name: 'sgd', learningRate: 1 });
  const data = minibatch(spec);
  const rng = createRng(1).stream('bench');
  let weights: Weights = model.initialize(createRng(1));
  let state: ModelState = model.initialState(batch);
  let count = 0;
  const start = async () => {
    count += 1;
    const pass = { phase: 'train', copies: 1, average: 'log-probabilities', rng: rng.stream(`${count}`) } as const;
    const result = model.lossAndGradients(weights, data, state, 1 / batch, pass);
    const context = { learningRate: 0.1, step: count };
    const update = { optimizer, weights, slots: {}, result, clipNorm: 5, context, where: `in step ${count}` };
    const started = await startUpdate(update);
    for (const [name, weight] of Object.entries(weights)) if (started.weights[name] !== weight) weight.dispose();
    weights = started.weights;
    tf.dispose([result.gradients, result.nll, result.loss, ...(result.errors ? [result.errors] : [])]);
    // Text goes on in the next minibatch; other sequences begin anew.
    const goesOn = spec.task === 'language';
    tf.dispose((goesOn ? state : result.state) as never);
    if (goesOn) state = result.state;
    return started;
  };
  /** As the trainer does, which goes ahead of what steps report where their backend lets it. */
  const train = async (goesOn: (taken: number) => boolean) => {
    const reports: PromiseLike<unknown>[] = [];
    let taken = 0;
    for (; goesOn(taken); taken++) {
      await tf.nextFrame();
      const { report, stepsAhead } = await start();
      reports.push(report);
      while (reports.length > stepsAhead) await reports.shift();
    }
    await Promise.all(reports);
    return taken;
  };
  return {
    step: async () => (await (await start()).report).nll,
    run: (steps) => train((taken) => taken < steps),
    async speed(seconds) {
      const begin = performance.now();
      const end = begin + 1000 * seconds;
      const steps = await train((taken) => taken === 0 || performance.now() < end);
      return (1000 * steps) / (performance.now() - begin);
    },
    dispose: () => tf.dispose([weights, state as never]),
  };
}

/** The model alone. */
export function createModel({ cell, composed, layers, hidden, variant, ...spec }: Spec) {
  const init = { name: 'uniform', scale: 0.05 } as const;
  return createSequenceModel({
    config: { ...smallModel, layers, hiddenSize: hidden, tied: false, init },
    task: taskOf(spec),
    cell: composed ? withoutKernel(registry.create('cell', cellRefs[cell])) : registry.create('cell', cellRefs[cell]),
    regularizers: variants[variant].map((ref) => ({
      name: ref.name,
      regularizer: registry.create('regularizer', ref),
    })),
  });
}

function withoutKernel({ fused: _, ...cell }: Cell): Cell {
  return cell;
}

function taskOf({ task, inputs, outputs }: Pick<Spec, 'task' | 'inputs' | 'outputs'>): Task {
  switch (task) {
    case 'language':
      return wordTask(inputs);
    case 'music':
      return { kind: 'frames', size: inputs, likelihood: 'bernoulli', metric: 'nll-per-step' };
    case 'digits': {
      const classes = Array.from({ length: outputs }, (_, label) => `${label}`);
      return { kind: 'classification', size: inputs, classes, metric: 'error-rate' };
    }
  }
}

/** Random data: speed does not depend on what it says. */
export function minibatch({ task, steps, batch, inputs, outputs }: Spec): AnyMinibatch {
  if (task === 'language') return tokenBatch(steps, batch, inputs);
  const uniforms = (name: string, count: number) => createRng(5).stream(name).uniforms(count);
  if (task === 'digits') {
    const labels = Int32Array.from(uniforms('labels', batch), (u) => Math.floor(u * outputs));
    const frames = uniforms('inputs', steps * batch * inputs);
    const ends = new Int32Array(batch).fill(steps - 1);
    return { kind: 'labelled', steps, batch, inputs: Float32Array.from(frames), mask: null, ends, labels };
  }
  const notes = (name: string) => Float32Array.from(uniforms(name, steps * batch * inputs), (u) => (u < 0.04 ? 1 : 0));
  return { steps, batch, inputs: notes('inputs'), targets: notes('targets'), mask: null };
}
