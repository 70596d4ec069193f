/** Compiled, never run: each `@ts-expect-error` line must be an error, and the lines without must not be. */
import {
  type AnyMinibatch,
  type ClassificationTask,
  type LabelledMinibatch,
  type LabelledSplit,
  type LanguageTask,
  type Minibatch,
  type Rng,
  type Split,
  type TokenSplit,
  trainingWindows,
  type WindowPlan,
} from '@rnnx/core';

declare const labelled: LabelledSplit;
declare const tokens: TokenSplit;
declare const any: Split;
declare const classes: ClassificationTask;
declare const words: LanguageTask;
declare const order: Rng;
const options = { batchSize: 2, bptt: 3, carryState: false };

export const batch: LabelledMinibatch = trainingWindows(labelled, classes, options, order).at(0).batch;
export const targets: Minibatch['targets'] = trainingWindows(tokens, words, options, order).at(0).batch.targets;
export const plan: WindowPlan<AnyMinibatch> = trainingWindows(any, words, options, order);

// @ts-expect-error labels have no target at each step
export const none: Minibatch = trainingWindows(labelled, classes, options, order).at(0).batch;

// @ts-expect-error a minibatch of any kind may have no targets
export const some = trainingWindows(any, words, options, order).at(0).batch.targets;

// @ts-expect-error an error rate is no metric of a language model
export const metric: LanguageTask['metric'] = 'error-rate';
