import * as tf from '@tensorflow/tfjs';
import type { Cell, CellLayout, CellState } from '../contracts/cell.js';
import type { Task } from '../contracts/dataset-provider.js';
import type { ParameterSpec, Weights } from '../contracts/parameters.js';
import type { ModelShape, MonteCarlo, PenaltyContext, PerturbContext } from '../contracts/regularizer.js';
import { RnnxError } from '../errors.js';
import type { ModelConfig } from '../experiment/config.js';
import { SitePlan } from '../recurrence/site-plan.js';
import { unroll } from '../recurrence/unroll.js';
import { beginState, initialStateSpecs } from './initial-state.js';
import { type InitializerSpec, initializeParameter } from './initializers.js';
import { checkTying, layerShape, taskWidths } from './layout.js';
import { likelihoods, naturalParameters } from './likelihoods.js';
import type { AnyMinibatch, LabelledMinibatch, Minibatch } from './minibatch.js';
import type { GradientResult, ModelState, PassOptions, PassResult, SequenceModel } from './model.js';
import { averageCopies, tileCopies } from './monte-carlo.js';
import { outputBias, outputWeight, scoreEveryStep, scoreSequenceEnds, stepOf } from './output.js';
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
 * Errors: RNNX_OPTION_CONFLICT where tied weights do not fit; RNNX_SHAPE_MISMATCH; those of the regularizers'
 * perturbations, at the first pass.
 */
export function createSequenceModel(options: SequenceModelOptions): SequenceModel {
  return new StackedModel(options);
}

interface Forward extends Pick<PassResult, 'nll' | 'errors'> {
  readonly state: ModelState;
  readonly activations: PenaltyContext['activations'];
  readonly mask: tf.Tensor | undefined;
}

class StackedModel implements SequenceModel {
  readonly task: Task;
  readonly shape: ModelShape;
  readonly specs: readonly ParameterSpec[];
  readonly monteCarlo: MonteCarlo;
  readonly estimationBatches: number;
  readonly #cell: Cell;
  readonly #config: ModelConfig;
  readonly #layouts: readonly CellLayout[];
  readonly #regularizers: readonly Owned[];

  constructor({ config, task, cell, regularizers }: SequenceModelOptions) {
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

  initialize(rng: Parameters<SequenceModel['initialize']>[0]): Record<string, tf.Tensor> {
    // Tidy, so that an initialiser that does not suit leaves no tensor behind.
    return tf.tidy(() => {
      const weights: Record<string, tf.Tensor> = {};
      for (const spec of this.specs) {
        const values = initializeParameter(spec, this.#config.init, rng.stream(spec.name));
        weights[spec.name] = tf.tensor(values, [...spec.shape]);
      }
      return weights;
    });
  }

  initialState(batch: number): ModelState {
    return this.shape.layers.map(({ hiddenSize }) =>
      Object.fromEntries(
        this.#cell.stateNames.map((name) => [name, tf.zeros([batch, hiddenSize]) as tf.Tensor2D] as const),
      ),
    );
  }

  report(weights: Weights): Record<string, tf.Tensor> {
    return tf.tidy(() => {
      const report: Record<string, tf.Tensor> = {};
      for (const { owner, regularizer } of this.#regularizers)
        for (const [name, value] of Object.entries(regularizer.report?.(scoped(weights, owner)) ?? {}))
          report[`${owner}/${name}`] = tf.clone(value);
      return report;
    });
  }

  lossAndGradients(
    weights: Weights,
    batch: AnyMinibatch,
    state: ModelState,
    lossScale: number,
    options: PassOptions,
  ): GradientResult {
    const names = this.specs.map(({ name }) => name);
    return tidied(() => {
      let forward: Forward | undefined;
      const { value, grads } = tf.engine().gradients(
        () => {
          forward = this.#forward(weights, batch, state, options);
          // The engine frees what the differentiated function does not return.
          tf.keep(forward.nll);
          if (forward.errors) tf.keep(forward.errors);
          for (const layer of forward.state) for (const tensor of Object.values(layer)) tf.keep(tensor);
          return this.#addPenalties(tf.mul(forward.nll, lossScale), weights, forward, options);
        },
        names.map((name) => weights[name]!),
        undefined,
        true,
      );
      const gradients: Record<string, tf.Tensor> = {};
      for (const [i, name] of names.entries()) gradients[name] = grads[i] ?? tf.zerosLike(weights[name]!);
      return { loss: value as tf.Scalar, gradients, ...resultOf(forward!) };
    });
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
    const plan = this.#plan(weights, batch, rows, options);
    let x = this.#inputs(weights, batch, options.copies, plan);
    let variance: tf.Tensor3D | undefined;
    const next: CellState[] = [];
    const activations: PenaltyContext['activations'][number][] = [];
    for (const [layer, layout] of this.#layouts.entries()) {
      const scope = scoped(weights, `layer-${layer}`);
      const begun = beginState(this.#config, state[layer] as CellState, scope, batch);
      const unrolled = unroll(this.#cell, layout, scope, x, begun, plan, layer, variance);
      next.push(owned(unrolled.state));
      activations.push({ hidden: unrolled.hidden, output: unrolled.output });
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
      return { ...scored, state: next, activations, mask: maskOf(batch, options.copies) };
    }
    if (task.kind === 'classification' || batch.kind === 'labelled') throw unfit(task, batch);
    const { state: next, activations, ...output } = this.#run(weights, batch, state, options);
    const likelihood = likelihoods[task.kind === 'language-model' ? 'categorical' : task.likelihood];
    const width = task.kind === 'language-model' ? undefined : task.size;
    const scored = scoreEveryStep({ ...output, weights }, likelihood, width, batch, options);
    return { ...scored, state: next, activations, mask: maskOf(batch, options.copies) };
  }

  #inputs(weights: Weights, batch: Minibatch | LabelledMinibatch, copies: number, plan: SitePlan): tf.Tensor3D {
    const rows = batch.batch * copies;
    if (this.task.kind !== 'language-model') {
      const frames = tileCopies(batch.inputs, batch.steps, batch.batch, this.task.size, copies);
      return tf.reshape(frames, [batch.steps, rows, this.task.size]);
    }
    const ids = tileCopies(batch.inputs, batch.steps, batch.batch, undefined, copies) as tf.Tensor1D; // [T·K·B]
    let embedded = tf.gather(weights.embedding!, ids);
    const scale = plan.embeddingScale();
    if (scale !== undefined)
      embedded = tf.mul(embedded, tf.expandDims(scaleOfTokens(scale, ids, rows, batch.steps), 1));
    return tf.reshape(embedded, [batch.steps, rows, -1]);
  }

  #plan(weights: Weights, data: Minibatch | LabelledMinibatch, batch: number, options: PassOptions): SitePlan {
    const { phase, rng, observe, copies } = options;
    const { steps, start = 0 } = data;
    const mask = maskOf(data, copies);
    const perturbations = this.#regularizers.flatMap(({ owner, regularizer }) => {
      const context: PerturbContext = {
        phase,
        model: this.shape,
        batch,
        steps,
        start,
        rng: rng.stream(owner),
        parameters: scoped(weights, owner),
        statistics: phase === 'train' ? {} : scoped(weights, `statistics/${owner}`),
        ...(mask && { mask }),
        ...(observe && { observe: (name, value) => observe(`${owner}/${name}`, tf.keep(tf.clone(value))) }),
      };
      return regularizer.perturb(context).map((perturbation) => ({ owner, perturbation }));
    });
    const here = perturbations.filter(({ perturbation }) => perturbation.site !== 'initial' || start === 0);
    return new SitePlan(here, this.shape, steps, batch);
  }

  #addPenalties(loss: tf.Tensor, weights: Weights, forward: Forward, { phase }: PassOptions): tf.Scalar {
    let total = loss;
    for (const { owner, regularizer } of this.#regularizers) {
      const penalty = regularizer.penalty?.({
        phase,
        model: this.shape,
        weights,
        parameters: scoped(weights, owner),
        activations: forward.activations,
        ...(forward.mask && { mask: forward.mask }),
      });
      if (penalty !== undefined) total = tf.add(total, penalty);
    }
    return total as tf.Scalar;
  }
}

/** `[T, K·B]`, or `undefined` where every prediction counts. */
function maskOf({ mask, steps, batch }: Minibatch | LabelledMinibatch, copies: number): tf.Tensor | undefined {
  return mask === null ? undefined : tf.tile(tf.tensor2d(mask, [steps, batch]), [1, copies]);
}

/** `tf.tidy` for results whose type it cannot express. */
function tidied<T>(run: () => T): T {
  return tf.tidy(() => run() as unknown as tf.TensorContainer) as unknown as T;
}

/** A state that the caller may dispose even where a cell passed a tensor of the previous one on. */
function owned(state: CellState): CellState {
  return Object.fromEntries(Object.entries(state).map(([name, tensor]) => [name, tf.clone(tensor)])) as CellState;
}

function resultOf({ nll, errors, state }: Forward): PassResult {
  return { nll, ...(errors && { errors }), state };
}

function unfit(task: Task, batch: AnyMinibatch): RnnxError {
  return new RnnxError('RNNX_SHAPE_MISMATCH', 'The minibatch does not fit the task', {
    got: `a minibatch of kind "${batch.kind ?? 'steps'}" for a task of kind "${task.kind}"`,
    expected: 'labelled sequences for classification, a target at every step otherwise',
    remedy: 'correct the dataset plugin, or cut minibatches with trainingWindows or evaluationWindows',
  });
}

/** Scale of each token, `[T·K·B]`, from one by word type for all examples, `[V]`, or for each, `[K·B, V]`. */
function scaleOfTokens(scale: tf.Tensor, ids: tf.Tensor1D, rows: number, steps: number): tf.Tensor {
  if (scale.rank === 1) return tf.gather(scale, ids);
  const vocabulary = scale.shape[1]!;
  const offsets = tf.tile(tf.range(0, rows * vocabulary, vocabulary, 'int32'), [steps]);
  return tf.gather(tf.reshape(scale, [-1]), tf.add(offsets, ids));
}
