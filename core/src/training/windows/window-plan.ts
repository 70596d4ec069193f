import type { Split, Task } from '../../contracts/dataset-provider.js';
import { RnnxError } from '../../errors.js';
import type { EvaluationConfig, TrainingConfig } from '../../experiment/config.js';
import type { AnyMinibatch, BatchOf, Minibatch } from '../../model/minibatch.js';
import type { Rng } from '../../random/rng.js';

/** One minibatch of a pass over a split. */
export interface BatchWindow<B extends AnyMinibatch = Minibatch> {
  readonly batch: B;
  /** The carried state must start at zero here. */
  readonly fresh: boolean;
  /** Predictions that count. */
  readonly count: number;
  /** Tokens or frames that are read, padding not among them; for the throughput. Default `count`. */
  readonly read?: number;
}

/** A pass over a split: minibatches by index, made when asked for, so that a resumed run starts anywhere. */
export interface WindowPlan<B extends AnyMinibatch = Minibatch> {
  readonly length: number;
  at(index: number): BatchWindow<B>;
}

export interface WindowOptions extends Pick<TrainingConfig, 'batchSize' | 'bptt' | 'carryState'> {
  /** Default `streamed`. */
  readonly segments?: TrainingConfig['segments'];
  /**
   * Leave the last minibatch of sequences out where it is smaller than the others: for models that take statistics of
   * minibatches, which a small one distorts. It stays where it is the only one.
   */
  readonly dropLast?: boolean;
}

/** Cuts splits of one kind. Errors of both: RNNX_DATA_TOO_SMALL; RNNX_SHAPE_MISMATCH if split and task disagree. */
export interface Windows<S extends Pick<Split, 'kind'>> {
  /**
   * Minibatches of one training epoch. Errors also: RNNX_OPTION_CONFLICT for options that such splits do not have.
   *
   * @param order decides what is random; keyed for this epoch
   * @param name of the split, for messages
   */
  training(split: S, task: Task, options: WindowOptions, order: Rng, name: string): WindowPlan<BatchOf<S>>;
  /** Minibatches of an exact evaluation: all that there is to predict, once. */
  evaluation(split: S, task: Task, options: EvaluationConfig, name: string): WindowPlan<BatchOf<S>>;
}

/** Sequences in groups of `batchSize`, the last of which may be smaller or left out. */
export function groupsOf(
  order: readonly number[],
  { batchSize, dropLast = false }: Pick<WindowOptions, 'batchSize' | 'dropLast'>,
): readonly (readonly number[])[] {
  const groups = Array.from({ length: Math.ceil(order.length / batchSize) }, (_, i) =>
    order.slice(i * batchSize, (i + 1) * batchSize),
  );
  const small = groups.length > 1 && groups.at(-1)!.length < batchSize;
  return dropLast && small ? groups.slice(0, -1) : groups;
}

/** Errors: RNNX_OPTION_CONFLICT for `segments` where there is no stream of tokens to cut. */
export function refuseSegments({ segments }: WindowOptions, split: Pick<Split, 'kind'>, name: string): void {
  if (segments !== 'shuffled') return;
  throw new RnnxError('RNNX_OPTION_CONFLICT', `The split "${name}" has no tokens to cut into segments`, {
    got: `training.segments shuffled for ${split.kind}`,
    expected: 'streamed: sequences come in random order anyway',
    remedy: 'leave training.segments out',
  });
}

/** The split is not of the task's kind. */
export function disagree(name: string, split: string, task: string): RnnxError {
  return new RnnxError('RNNX_SHAPE_MISMATCH', `The split "${name}" does not fit the dataset's task`, {
    got: `${split} for a task of kind "${task}"`,
    expected:
      'tokens for language models, frames for frame tasks, labelled sequences for classification, questions for cloze',
    remedy: 'correct the dataset plugin',
  });
}
