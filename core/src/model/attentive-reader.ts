import * as tf from '@tensorflow/tfjs';
import type { CellLayout, CellState } from '../contracts/cell.js';
import type { ClozeTask } from '../contracts/cloze.js';
import type { ParameterSpec, Weights } from '../contracts/parameters.js';
import type { LayerActivations, ModelShape, MonteCarlo, PenaltyContext } from '../contracts/regularizer.js';
import { RnnxError } from '../errors.js';
import type { Rng } from '../random/rng.js';
import type { SitePlan } from '../recurrence/site-plan.js';
import { unroll } from '../recurrence/unroll.js';
import { attend, attentionSpecs, attentionTerms } from './attention.js';
import { differentiate, type Forward, initializeAll, reportAll, resultOf, tidied } from './differentiate.js';
import { embedTokens } from './embedding.js';
import { beginState, initialStateSpecs } from './initial-state.js';
import { layerShape } from './layout.js';
import { likelihoods, naturalParameters } from './likelihoods.js';
import type { AnyMinibatch, ClozeMinibatch, TokenBlock } from './minibatch.js';
import type { GradientResult, ModelState, PassOptions, PassResult, SequenceModel } from './model.js';
import { averageCopies, tileCopies } from './monte-carlo.js';
import { outputBias, outputWeight, stepOf } from './output.js';
import { planPerturbations, tileMask } from './perturbations.js';
import { combineMonteCarlo, type Owned, ownRegularizers, scoped } from './regularizers.js';
import type { SequenceModelOptions } from './sequence-model.js';

/** A stack of recurrent layers over one of the two sequences. */
interface Reader {
  readonly name: 'document' | 'question';
  /** As regularizers see it: a model of its own. */
  readonly shape: ModelShape;
  /** Regularizers under names of this reader's own. */
  readonly regularizers: readonly Owned[];
  readonly layers: readonly { readonly name: string; readonly layout: CellLayout }[];
}

interface Reading {
  /** What goes up from the last layer, `[T, K·B, H]`. */
  readonly top: tf.Tensor3D;
  readonly activations: PenaltyContext['activations'];
}

/**
 * The Attentive Reader, unidirectional (Hermann et al. 2015, section 3.2; Cooijmans et al. 2016): one recurrent network
 * reads the passage, another the question, and attention over the passage finds the answer.
 *
 *     y(t)   state of the document reader after token t;   u   state of the question reader after its last token
 *     m(t) = tanh(y(t) W_ym + u W_um),   s(t) ∝ exp(m(t) · w),   r = Σ_t s(t) y(t)
 *     g    = tanh(r W_rg + u W_ug),      p(a) ∝ exp(V_a · g + b_a)   over the task's answers
 *
 * Both readers have `model.layers` layers of the configured cell and one embedding. To regularizers each reader is a model of its
 * own, with its own steps, mask and parameters; embedding, output and the site `attention` belong to the document's. The
 * bias b is ours.
 *
 * Parameters: `embedding` `[V, E]`; `layer-<l>/..` of the document reader for l from 0, then those of the question reader;
 * `attention/document`, `attention/question`, `joint/document`, `joint/question` `[H, H]` (W_ym, W_um, W_rg, W_ug);
 * `attention/score` `[H, 1]` (w); `output/weight` `[A, H]`, `output/bias` `[A]`; `<regularizer>/<reader>/<name>`.
 *
 * Errors: RNNX_OPTION_CONFLICT for tied weights, a cell that carries moments, a penalty with parameters of its own;
 * RNNX_SHAPE_MISMATCH for minibatches of another task.
 */
export class AttentiveReader implements SequenceModel {
  readonly task: ClozeTask;
  readonly shape: ModelShape;
  readonly specs: readonly ParameterSpec[];
  readonly monteCarlo: MonteCarlo;
  readonly estimationBatches: number;
  readonly #options: SequenceModelOptions;
  readonly #document: Reader;
  readonly #question: Reader;

  constructor(options: SequenceModelOptions & { readonly task: ClozeTask }) {
    const { config, task, cell, regularizers } = options;
    checkOptions(options);
    this.task = task;
    this.#options = options;
    const { hiddenSize, layers, embeddingInit, outputInit, outputBiasInit } = config;
    const inputSize = config.embeddingSize ?? hiddenSize;
    const vocabularySize = task.vocabulary.symbols.length;
    const outputs = task.answers.length;

    const reader = (name: Reader['name'], first: number): Reader => {
      const stack = Array.from({ length: layers }, (_, layer) => ({
        name: `layer-${first + layer}`,
        layout: cell.build(layer === 0 ? inputSize : hiddenSize, hiddenSize),
      }));
      const shape: ModelShape = {
        vocabularySize,
        sites: cell.sites,
        layers: stack.map(({ layout }, layer) => layerShape(layout, layer === 0 ? inputSize : hiddenSize, hiddenSize)),
        outputWeight: [outputs, hiddenSize],
        attention: name === 'document' ? attentionTerms(hiddenSize) : [],
      };
      const owned = ownRegularizers(regularizers, shape);
      return { name, shape, layers: stack, regularizers: owned.map((of) => ({ ...of, owner: `${of.owner}/${name}` })) };
    };
    this.#document = reader('document', 0);
    this.#question = reader('question', layers);
    const readers = [this.#document, this.#question];
    this.shape = { ...this.#document.shape, layers: readers.flatMap(({ shape }) => shape.layers) };
    this.monteCarlo = combineMonteCarlo(regularizers);
    this.estimationBatches = Math.max(0, ...regularizers.map(({ regularizer }) => regularizer.estimationBatches ?? 0));

    const starting = (init: typeof embeddingInit) => (init === null ? {} : { init });
    this.specs = [
      { name: 'embedding', shape: [vocabularySize, inputSize], ...starting(embeddingInit) },
      ...readers.flatMap((of) =>
        of.layers.flatMap(({ name, layout }) =>
          [...layout.parameters, ...initialStateSpecs(config, cell)].map((spec) => ({
            ...spec,
            name: `${name}/${spec.name}`,
          })),
        ),
      ),
      ...attentionSpecs(hiddenSize),
      { name: 'output/weight', shape: [outputs, hiddenSize], ...starting(outputInit) },
      { name: 'output/bias', shape: [outputs], ...starting(outputBiasInit) },
      ...readers.flatMap((of) =>
        of.regularizers.flatMap(({ owner, parameters }) =>
          parameters.map((spec) => ({ ...spec, name: `${owner}/${spec.name}` })),
        ),
      ),
    ];
  }

  initialize(rng: Rng): Record<string, tf.Tensor> {
    return initializeAll(this.specs, this.#options.config.init, rng);
  }

  /** Nothing is carried from question to question. */
  initialState(): ModelState {
    return [];
  }

  report(weights: Weights): Record<string, tf.Tensor> {
    return reportAll([...this.#document.regularizers, ...this.#question.regularizers], weights);
  }

  lossAndGradients(
    weights: Weights,
    batch: AnyMinibatch,
    _state: ModelState,
    lossScale: number,
    options: PassOptions,
  ): GradientResult {
    const penalised = this.#document.regularizers;
    const forward = () => this.#forward(weights, batch, options);
    return differentiate({
      specs: this.specs,
      weights,
      shape: this.shape,
      regularizers: penalised,
      forward,
      lossScale,
      options,
    });
  }

  score(weights: Weights, batch: AnyMinibatch, _state: ModelState, options: PassOptions): PassResult {
    return tidied(() => resultOf(this.#forward(weights, batch, options)));
  }

  nextLogProbabilities(): never {
    throw new RnnxError('RNNX_OPTION_CONFLICT', 'Only models of tokens can predict a next token', {
      got: 'a task of kind "cloze"',
      expected: 'a language model',
      remedy: 'generate from a run on a text data set',
    });
  }

  #forward(weights: Weights, batch: AnyMinibatch, options: PassOptions): Forward {
    if (batch.kind !== 'cloze')
      throw new RnnxError('RNNX_SHAPE_MISMATCH', 'The minibatch does not fit the task', {
        got: `a minibatch of kind "${batch.kind ?? 'steps'}" for a task of kind "cloze"`,
        expected: 'cloze questions',
        remedy: 'correct the dataset plugin, or cut minibatches with trainingWindows or evaluationWindows',
      });
    const [documentPlan, questionPlan] = [this.#document, this.#question].map((of) => {
      const { steps, mask } = of.name === 'document' ? batch : batch.question;
      const extent = {
        steps,
        rows: batch.batch * options.copies,
        start: 0,
        mask: tileMask(mask, steps, batch.batch, options.copies),
      };
      return { plan: planPerturbations(of.regularizers, of.shape, weights, extent, options), mask: extent.mask };
    }) as [Planned, Planned];
    // A word type that is dropped is so in both.
    const embed = (tokens: TokenBlock) =>
      embedTokens(weights.embedding!, tokens.inputs, tokens.steps, batch.batch, options.copies, documentPlan.plan);
    const document = this.#read(this.#document, embed(batch), documentPlan, weights);
    const question = this.#read(this.#question, embed(batch.question), questionPlan, weights);
    const u = lastStates(question.top, batch);
    const { joint } = attend(document.top, u, documentPlan.mask, weights, documentPlan.plan);
    return {
      ...answer(joint, documentPlan.plan, weights, batch, options),
      state: [],
      activations: [...document.activations, ...question.activations],
    };
  }

  #read(reader: Reader, embedded: tf.Tensor3D, { plan, mask }: Planned, weights: Weights): Reading {
    const { cell, config } = this.#options;
    const activations: LayerActivations[] = [];
    const rows = embedded.shape[1];
    let x = embedded;
    for (const [layer, { name, layout }] of reader.layers.entries()) {
      const scope = scoped(weights, name);
      const zeros = cell.stateNames.map((state) => [state, tf.zeros([rows, config.hiddenSize])] as const);
      const begun = beginState(config, Object.fromEntries(zeros) as unknown as CellState, scope, {});
      const { hidden, output } = unroll(cell, layout, scope, x, begun, plan, layer);
      activations.push({ hidden, output, before: begun.h, ...(mask && { mask }) });
      x = output;
    }
    return { top: x, activations };
  }
}

interface Planned {
  readonly plan: SitePlan;
  readonly mask: tf.Tensor | undefined;
}

/** The states after each question's last token, `[K·B, H]` from `[T, K·B, H]`. */
function lastStates(top: tf.Tensor3D, { batch, question }: ClozeMinibatch): tf.Tensor2D {
  const [steps, rows, size] = top.shape;
  const ends = Int32Array.from({ length: rows }, (_, row) => {
    let length = steps;
    while (question.mask !== null && length > 1 && question.mask[(length - 1) * batch + (row % batch)] === 0) length--;
    return (length - 1) * rows + row;
  });
  return tf.gather(tf.reshape(top, [steps * rows, size]), tf.tensor1d(ends, 'int32')) as tf.Tensor2D;
}

/** One categorical prediction for each question; the likeliest answer is that of the averaged copies. */
function answer(
  joint: tf.Tensor2D,
  plan: SitePlan,
  weights: Weights,
  batch: ClozeMinibatch,
  { copies, average }: PassOptions,
): Required<Pick<PassResult, 'nll' | 'errors'>> {
  const weight = stepOf(outputWeight(plan, weights), batch.steps - 1);
  const bias = outputBias(weights);
  const targets = tileCopies(batch.answers, 1, batch.batch, undefined, copies);
  const nll = likelihoods.categorical.nll(joint, weight, bias, targets); // [K·B]
  const averaged = averageCopies(tf.reshape(nll, [-1, 1]), copies, average);
  const surprises = averageCopies(tf.neg(tf.logSoftmax(naturalParameters(joint, weight, bias))), copies, average);
  const wrong = tf.notEqual(tf.argMin(surprises, 1), tf.tensor1d(batch.answers, 'int32'));
  return { nll: tf.sum(averaged), errors: tf.sum(tf.cast(wrong, 'float32')) };
}

/** Errors: RNNX_OPTION_CONFLICT. */
function checkOptions({ config, cell, regularizers }: SequenceModelOptions): void {
  const refuse = (what: string, got: string, expected: string, remedy: string): never => {
    throw new RnnxError('RNNX_OPTION_CONFLICT', what, { got, expected, remedy });
  };
  if (config.tied)
    refuse(
      'The Attentive Reader has no weights to tie',
      'model.tied true',
      'false: the output has a row per answer, not per word',
      'set model.tied to false',
    );
  if (cell.moments !== undefined)
    refuse(
      'The Attentive Reader cannot attend over a distribution',
      'a cell that carries moments',
      'a cell whose state is a value',
      'take another cell',
    );
  const learned = regularizers.find(({ regularizer }) => regularizer.penalty && regularizer.parameters);
  if (learned !== undefined)
    refuse(
      `Regularizer "${learned.name}" does not suit the Attentive Reader`,
      'a penalty and parameters of its own',
      'one of them: the readers have parameters apart, and one penalty',
      'remove the regularizer',
    );
}
