import * as tf from '@tensorflow/tfjs';
import type { Dataset } from '../contracts/dataset-provider.js';
import type { Weights } from '../contracts/parameters.js';
import type { EvaluationConfig, TrainingConfig } from '../experiment/config.js';
import type { AnyMinibatch } from '../model/minibatch.js';
import type { SequenceModel } from '../model/model.js';
import { createRng, type Rng } from '../random/rng.js';
import { estimateStatistics } from './estimate.js';
import { evaluate, toScore } from './evaluate.js';
import type { EndEvent, Score, TrainingEvent } from './events.js';
import { evaluationWindows, trainingWindows } from './minibatches.js';
import { createOptimizer } from './optimizers/create.js';
import { mismatch, RunState } from './run-state.js';
import { scheduledRate } from './schedules.js';
import type { Snapshot } from './snapshot.js';
import { takeStep } from './step.js';
import { StepsUnderWay } from './steps-under-way.js';
import { Stopwatch } from './stopwatch.js';
import { dispose, read } from './tensors.js';
import { trackWeights } from './track.js';
import { requireFinite } from './update.js';
import type { WindowPlan } from './windows/window-plan.js';

export interface TrainingRun {
  readonly model: SequenceModel;
  readonly dataset: Dataset;
  readonly training: TrainingConfig;
  readonly evaluation: EvaluationConfig;
  /** A whole number from 0 to 2^53 - 1. */
  readonly seed: number;
}

export interface TrainOptions {
  /** Stops at the next step with a `last` checkpoint. */
  readonly signal?: AbortSignal;
  /** Goes on from here to the same bits as a run without the interruption. */
  readonly resume?: Snapshot;
}

/**
 * Trains with truncated back-propagation through time and tells what happens as events:
 *
 * - `step` every `reportEvery` steps of an epoch
 * - `checkpoint` (`best: false`) every `checkpointEvery` steps, at each epoch's end and when aborted
 * - `epoch` after each validation; then `checkpoint` (`best: true`) if it is the best so far
 * - `end`, last
 *
 * The state starts at zero each epoch and is carried between minibatches. The order within an epoch is: minibatch, gradient
 * (at the optimizer's look-ahead), clipping by global norm, update.
 *
 * Random streams below the seed: `initialize`, `order/epoch-<e>`, `train/epoch-<e>/step-<s>`, `evaluate/epoch-<e>`, counted
 * from 1; seed, epoch and step are thus their whole state.
 *
 * On a backend that works asynchronously, steps are started before the loss of those before them is known, a few at most.
 * Events keep their order and what they say, and no checkpoint is made before all losses up to it are known to be finite.
 *
 * Errors: RNNX_DATA_TOO_SMALL; RNNX_CHECKPOINT_MISMATCH; RNNX_NONFINITE, where the last checkpoint stands: none is made from a
 * step that failed. All tensors are freed however the generator ends.
 */
export async function* train(run: TrainingRun, options: TrainOptions = {}): AsyncGenerator<TrainingEvent, void> {
  const { model, dataset, training, evaluation, seed } = run;
  const { signal, resume } = options;
  const rng = createRng(seed);
  const optimizer = createOptimizer(training.optimizer);
  const windowOptions = { ...training, dropLast: model.estimationBatches > 0 };
  const planOf = (epoch: number) =>
    trainingWindows(dataset.splits.train, model.task, windowOptions, rng.stream('order').stream(`epoch-${epoch}`));
  // Too little validation data should not show only after an epoch.
  evaluationWindows(dataset.splits.valid, model.task, evaluation, 'valid');

  const state =
    resume === undefined
      ? RunState.start(model, optimizer, seed, rng.stream('initialize'))
      : RunState.restore(resume, model, optimizer, seed, () => carriedRows(resume, planOf, model.monteCarlo.train));
  const { progress } = state;
  const checkpoint = async () => ({ type: 'checkpoint', best: false, snapshot: await state.snapshot() }) as const;
  const end = (reason: EndEvent['reason']): EndEvent => ({
    type: 'end',
    reason,
    epochs: progress.epoch,
    bestEpoch: progress.bestEpoch,
  });

  let steps: StepsUnderWay | undefined;
  try {
    while (progress.epoch < training.epochs) {
      if (training.patience !== null && progress.epoch - progress.bestEpoch >= training.patience) {
        yield end('early-stopping');
        return;
      }
      const epoch = progress.epoch + 1;
      const plan = planOf(epoch);
      progress.learningRate = scheduledRate(
        training.schedule,
        training.optimizer.learningRate,
        epoch,
        progress.history,
      );
      const stepRngs = rng.stream('train').stream(`epoch-${epoch}`);
      const watch = new Stopwatch();
      steps = new StepsUnderWay({
        epoch,
        stepsPerEpoch: plan.length,
        reportEvery: training.reportEvery,
        task: model.task,
        progress,
        watch,
      });

      while (progress.step < plan.length) {
        // Promises alone would keep the process from seeing signals and timers.
        await tf.nextFrame();
        if (signal?.aborted) {
          yield* steps.settle(0);
          yield await checkpoint();
          yield end('aborted');
          return;
        }
        const window = plan.at(progress.step);
        const stepRng = stepRngs.stream(`step-${progress.step + 1}`);
        const taking = watch.during(() => takeStep(state, { model, optimizer, training, window, rng: stepRng }));
        let taken: Awaited<typeof taking>;
        try {
          taken = await taking;
        } catch (error) {
          // Steps before this one come first, with their errors too.
          yield* steps.settle(0);
          throw error;
        }
        const { report, stepsAhead } = taken;
        const { step, globalStep } = progress;
        const { count, read = count } = window;
        steps.push({ step, globalStep, count, read, report });
        const isCheckpoint = training.checkpointEvery !== null && globalStep % training.checkpointEvery === 0;
        yield* steps.settle(isCheckpoint ? 0 : stepsAhead);
        if (isCheckpoint) yield await checkpoint();
      }
      yield* steps.settle(0);

      if (model.estimationBatches > 0)
        state.takeStatistics(
          await watch.during(() => estimateStatistics(model, state.evaluated, planOf(epoch), rng.stream('estimate'))),
        );
      const valid = await watch.during(() =>
        validate(run, state, rng.stream('evaluate').stream(`epoch-${epoch}`), signal),
      );
      if (valid === undefined) {
        yield await checkpoint();
        yield end('aborted');
        return;
      }
      requireFinite('validation metric', valid.metric, `after epoch ${epoch}`);
      // An error rate is finite whatever the probabilities became.
      requireFinite('validation NLL', valid.nll, `after epoch ${epoch}`);
      const { epochNll, epochErrors, epochCount } = progress;
      const train = toScore({ nll: epochNll, errors: epochErrors, count: epochCount }, model.task);
      const { learningRate } = progress;
      const best = state.finishEpoch(valid.metric, optimizer);
      const scalars = {
        ...(await readReport(model, state.evaluated)),
        ...(await trackWeights(training.track, model, state.weights)),
      };
      yield { type: 'epoch', epoch, train, valid, best, learningRate, seconds: watch.total, scalars };
      const last = await checkpoint();
      if (best) yield { ...last, best };
      yield last;
    }
    yield end('epochs');
  } finally {
    await steps?.over();
    state.dispose();
  }
}

/** The validation score, or `undefined` if aborted meanwhile. */
async function validate(run: TrainingRun, state: RunState, rng: Rng, signal?: AbortSignal): Promise<Score | undefined> {
  const { model, dataset, evaluation } = run;
  const options = { name: 'valid', ...(signal && { signal }) };
  try {
    return await evaluate(model, state.evaluated, dataset.splits.valid, evaluation, rng, options);
  } catch (error) {
    if (signal?.aborted && error === signal.reason) return undefined;
    throw error;
  }
}

async function readReport(model: SequenceModel, weights: Weights): Promise<Record<string, number>> {
  const report = model.report(weights);
  const names = Object.keys(report);
  if (names.length === 0) return {};
  const stacked = tf.tidy(() => tf.stack(Object.values(report).map((value) => tf.reshape(value, []))));
  dispose(report);
  const values = await read(stacked);
  return Object.fromEntries(names.map((name, i) => [name, values[i]!]));
}

/**
 * Examples of the state that a snapshot carries, or `null` between epochs. Errors: RNNX_CHECKPOINT_MISMATCH if it is from
 * an epoch of more steps than this data gives.
 */
function carriedRows(
  { progress }: Snapshot,
  planOf: (epoch: number) => WindowPlan<AnyMinibatch>,
  copies: number,
): number | null {
  if (progress.step === 0) return null;
  const plan = planOf(progress.epoch + 1);
  if (progress.step > plan.length)
    throw mismatch(
      'is from other data or other sizes',
      `step ${progress.step}`,
      `at most ${plan.length} steps an epoch`,
    );
  return plan.at(progress.step - 1).batch.batch * copies;
}
