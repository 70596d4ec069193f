import * as tf from '@tensorflow/tfjs';
import type { Cell, CellLayout, CellState } from '../contracts/cell.js';
import type { Task } from '../contracts/dataset-provider.js';
import type { ParameterSpec, Weights } from '../contracts/parameters.js';
import type { LayerActivations, ModelShape, MonteCarlo } from '../contracts/regularizer.js';
import { RnnxError } from '../errors.js';
import type { ModelConfig } from '../experiment/config.js';
import type { Rng } from '../random/rng.js';
import type { SitePlan } from '../recurrence/site-plan.js';
import { unroll } from '../recurrence/unroll.js';
import { AttentiveReader } from './attentive-reader.js';
import { differentiate, type Forward, initializeAll, reportAll, resultOf, tidied } from './differentiate.js';
import { embedTokens } from './embedding.js';
import { beginState, initialStateSpecs } from './initial-state.js';
import type { InitializerSpec } from './initializers.js';
import { checkTying, layerShape, type StackedTask, taskWidths } from './layout.js';
import { likelihoods, naturalParameters } from './likelihoods.js';
import type { AnyMinibatch, LabelledMinibatch, Minibatch } from './minibatch.js';
import type { GradientResult, ModelState, PassOptions, PassResult, SequenceModel } from './model.js';
import { averageCopies, tileCopies } from './monte-carlo.js';
import { outputBias, outputWeight, scoreEveryStep, scoreSequenceEnds, stepOf } from './output.js';
import { planPerturbations, tileMask } from './perturbations.js';
import { combineMonteCarlo, type NamedRegularizer, type Owned, ownRegularizers, scoped } from './regularizers.js';

export interface SequenceModelOptions {
  readonly config: ModelConfig;
  readonly task: Task;
  readonly cell: Cell;
  /** In the order in which they act at a site. */
  readonly regularizers: readonly NamedRegularizer[];
}

/**
 * Embedding (token tasks), a stack of recurrent layers and an exponential-family output layer, at every step or
 * (classification) at the end of each sequence. Pure functions of weights, minibatch and carried state.
 *
 * Parameters: `embedding` `[V, E]`, `layer-<l>/<name>` as the cell declares, `layer-<l>/initial/<state>` `[H]` where the
 * initial state is learned, `output/weight` `[O, H]` (absent when tied: the embedding serves), `output/bias` `[O]`,
 * `<regularizer>/<name>`.
 *
 * Cloze questions get an `AttentiveReader` instead.
 *
 * Errors: RNNX_OPTION_CONFLICT where tied weights do not fit; RNNX_SHAPE_MISMATCH; those of the regularizers'
 * perturbations, at the first pass.
 */
export function createSequenceModel(options: SequenceModelOptions): SequenceModel {
  const { task } = options;
  return task.kind === 'cloze' ? new AttentiveReader({ ...options, task }) : new StackedModel({ ...options, task });
}

class StackedModel implements SequenceModel {
  readonly task: StackedTask;
  readonly shape: ModelShape;
  readonly specs: readonly ParameterSpec[];
  readonly monteCarlo: MonteCarlo;
  readonly estimationBatches: number;
  readonly #cell: Cell;
  readonly #config: ModelConfig;
  readonly #layouts: readonly CellLayout[];
  readonly #regularizers: readonly Owned[];

  constructor({ config, task, cell, regularizers }: SequenceModelOptions & { readonly task: StackedTask }) {
    this.task = task;
    this.#cell = cell;
    this.#config = config;
    const tokens = task.kind === 'language-model';
    const { input, output: outputs } = taskWidths(task);
    const inputSize = input ?? config.embeddingSize ?? config.hiddenSize;
    checkTying(config, tokens);

    const layouts = Array.from({ length: config.layers }, (_, layer) =>
      cell.build(layer === 0 ? inputSize : config.hiddenSize, config.hiddenSize),
    );
    this.#layouts = layouts;
    this.shape = {
      vocabularySize: tokens ? outputs : undefined,
      sites: cell.sites,
      layers: layouts.map((layout, layer) =>
        layerShape(layout, layer === 0 ? inputSize : config.hiddenSize, config.hiddenSize),
      ),
      outputWeight: [outputs, config.hiddenSize],
    };
    this.#regularizers = ownRegularizers(regularizers, this.shape);
    this.monteCarlo = combineMonteCarlo(regularizers);
    this.estimationBatches = Math.max(0, ...regularizers.map(({ regularizer }) => regularizer.estimationBatches ?? 0));

    const specs: ParameterSpec[] = [];
    const withInit = (init: InitializerSpec | null) => (init === null ? {} : { init });
    if (tokens) specs.push({ name: 'embedding', shape: [outputs, inputSize], ...withInit(config.embeddingInit) });
    for (const [layer, layout] of layouts.entries())
      for (const spec of [...layout.parameters, ...initialStateSpecs(config, cell)])
        specs.push({ ...spec, name: `layer-${layer}/${spec.name}` });
    if (!config.tied || !tokens)
      specs.push({ name: 'output/weight', shape: [outputs, config.hiddenSize], ...withInit(config.outputInit) });
    specs.push({ name: 'output/bias', shape: [outputs], ...withInit(config.outputBiasInit) });
    for (const { owner, parameters } of this.#regularizers)
      for (const spec of parameters) specs.push({ ...spec, name: `${owner}/${spec.name}` });
    this.specs = specs;
  }

  initialize(rng: Rng): Record<string, tf.Tensor> {
    return initializeAll(this.specs, this.#config.init, rng);
  }

  initialState(batch: number): ModelState {
    return this.shape.layers.map(({ hiddenSize }) =>
      Object.fromEntries(
        this.#cell.stateNames.map((name) => [name, tf.zeros([batch, hiddenSize]) as tf.Tensor2D] as const),
      ),
    );
  }

  report(weights: Weights): Record<string, tf.Tensor> {
    return reportAll(this.#regularizers, weights);
  }

  lossAndGradients(
    weights: Weights,
    batch: AnyMinibatch,
    state: ModelState,
    lossScale: number,
    options: PassOptions,
  ): GradientResult {
    const { specs, shape } = this;
    const forward = () => this.#forward(weights, batch, state, options);
    return differentiate({ specs, weights, shape, regularizers: this.#regularizers, forward, lossScale, options });
  }

  score(weights: Weights, batch: AnyMinibatch, state: ModelState, options: PassOptions): PassResult {
    return tidied(() => resultOf(this.#forward(weights, batch, state, options)));
  }

  nextLogProbabilities(
    weights: Weights,
    batch: Minibatch,
    state: ModelState,
    options: PassOptions,
  ): { logProbabilities: tf.Tensor2D; state: ModelState } {
    if (this.task.kind !== 'language-model')
      throw new RnnxError('RNNX_OPTION_CONFLICT', 'Only models of tokens can predict a next token', {
        got: `a task of kind "${this.task.kind}"`,
        expected: 'a language model',
        remedy: 'generate from a run on a text data set',
      });
    return tidied(() => {
      const { top, plan, state: next } = this.#run(weights, batch, state, options);
      const weight = outputWeight(plan, weights);
      const last = tf.squeeze(tf.slice(top, [batch.steps - 1, 0, 0], [1, -1, -1]), [0]) as tf.Tensor2D; // [K·B, H]
      const logits = naturalParameters(last, stepOf(weight, batch.steps - 1), outputBias(weights));
      const copies = averageCopies(tf.neg(tf.logSoftmax(logits)), options.copies, options.average);
      return { logProbabilities: tf.neg(copies) as tf.Tensor2D, state: next };
    });
  }

  /** Runs the layers; `top` is what reaches the output layer, `[T, K·B, H]`, with its variance where the cell has one. */
  #run(weights: Weights, batch: Minibatch | LabelledMinibatch, state: ModelState, options: PassOptions) {
    const rows = batch.batch * options.copies;
    const { steps, start = 0 } = batch;
    const mask = maskOf(batch, options.copies);
    const extent = { steps, rows, start, mask };
    const plan = planPerturbations(this.#regularizers, this.shape, weights, extent, options);
    let x = this.#inputs(weights, batch, options.copies, plan);
    let variance: tf.Tensor3D | undefined;
    const next: CellState[] = [];
    const activations: LayerActivations[] = [];
    for (const [layer, layout] of this.#layouts.entries()) {
      const scope = scoped(weights, `layer-${layer}`);
      const begun = beginState(this.#config, state[layer] as CellState, scope, batch);
      const unrolled = unroll(this.#cell, layout, scope, x, begun, plan, layer, variance);
      next.push(owned(unrolled.state));
      const { hidden, output } = unrolled;
      activations.push({ hidden, output, before: begun.h, ...(mask && { mask }) });
      x = unrolled.output;
      variance = unrolled.variance;
    }
    if (variance !== undefined) {
      const upward = this.#cell.moments!.output(x, variance);
      [x, variance] = [upward.mean as tf.Tensor3D, upward.variance as tf.Tensor3D];
    }
    return { top: x, variance, plan, state: next as unknown as ModelState, activations };
  }

  #forward(weights: Weights, batch: AnyMinibatch, state: ModelState, options: PassOptions): Forward {
    const { task } = this;
    if (task.kind === 'classification' && batch.kind === 'labelled') {
      const { state: next, activations, ...output } = this.#run(weights, batch, state, options);
      const scored = scoreSequenceEnds({ ...output, weights }, batch, options);
      return { ...scored, state: next, activations };
    }
    if (task.kind === 'classification' || batch.kind === 'labelled' || batch.kind === 'cloze') throw unfit(task, batch);
    const { state: next, activations, ...output } = this.#run(weights, batch, state, options);
    const likelihood = likelihoods[task.kind === 'language-model' ? 'categorical' : task.likelihood];
    const width = task.kind === 'language-model' ? undefined : task.size;
    const scored = scoreEveryStep({ ...output, weights }, likelihood, width, batch, options);
    return { ...scored, state: next, activations };
  }

  #inputs(weights: Weights, batch: Minibatch | LabelledMinibatch, copies: number, plan: SitePlan): tf.Tensor3D {
    const rows = batch.batch * copies;
    if (this.task.kind !== 'language-model') {
      const frames = tileCopies(batch.inputs, batch.steps, batch.batch, this.task.size, copies);
      return tf.reshape(frames, [batch.steps, rows, this.task.size]);
    }
    return embedTokens(weights.embedding!, batch.inputs, batch.steps, batch.batch, copies, plan);
  }
}

/** `[T, K·B]`, or `undefined` where every prediction counts. */
function maskOf({ mask, steps, batch }: Minibatch | LabelledMinibatch, copies: number): tf.Tensor | undefined {
  return tileMask(mask, steps, batch, copies);
}

/** A state that the caller may dispose even where a cell passed a tensor of the previous one on. */
function owned(state: CellState): CellState {
  return Object.fromEntries(Object.entries(state).map(([name, tensor]) => [name, tf.clone(tensor)])) as CellState;
}

function unfit(task: Task, batch: AnyMinibatch): RnnxError {
  return new RnnxError('RNNX_SHAPE_MISMATCH', 'The minibatch does not fit the task', {
    got: `a minibatch of kind "${batch.kind ?? 'steps'}" for a task of kind "${task.kind}"`,
    expected: 'labelled sequences for classification, a target at every step otherwise',
    remedy: 'correct the dataset plugin, or cut minibatches with trainingWindows or evaluationWindows',
  });
}
