import type { PlannedRun, Score, SplitName, Task, TrainingEvent } from '@rnnx/core';
import type { Estimate } from './estimate.js';

/** Which training an event belongs to. */
export interface RunId {
  readonly variant: string;
  readonly seed: number;
}

/** What a finished run is worth; `result.json` holds it. */
export interface RunResult extends RunId {
  readonly metric: Task['metric'];
  /** With the weights of the best epoch. */
  readonly scores: { readonly valid: Score; readonly test: Score };
  readonly reason: 'epochs' | 'early-stopping';
  readonly epochs: number;
  readonly bestEpoch: number;
  /** Trainable numbers. */
  readonly parameters: number;
  readonly backend: string;
  /** Best metric that any model could reach, where it is known. */
  readonly floor?: { readonly value: number; readonly description: string };
  /** Wall clock of this process; a resumed run counts from the resumption. */
  readonly seconds: number;
}

/** First event: what will run. */
export interface PlanEvent {
  readonly type: 'plan';
  readonly name: string;
  readonly runs: readonly PlannedRun[];
  /** Where files are written, if anywhere. */
  readonly folder: string | null;
}

export interface StartEvent {
  readonly type: 'start';
  readonly run: RunId;
  readonly epochs: number;
  readonly metric: Task['metric'];
  readonly parameters: number;
  readonly backend: string;
  readonly dataset: string;
  /** Sources, checksums, licences. */
  readonly notes: readonly string[];
  /** Time and memory that it will take, where that was asked for. */
  readonly estimate?: Estimate;
  /** Where a resumed run goes on; `null` for a fresh one. */
  readonly resumedAt: { readonly epoch: number; readonly step: number } | null;
}

/** Training has ended and a split is being scored. */
export interface ScoringEvent {
  readonly type: 'scoring';
  readonly run: RunId;
  readonly split: SplitName;
}

export interface ResultEvent {
  readonly type: 'result';
  readonly run: RunId;
  readonly result: RunResult;
  /** The run had finished before and was not repeated. */
  readonly earlier: boolean;
}

/** Last event. */
export interface DoneEvent {
  readonly type: 'done';
  readonly results: readonly RunResult[];
  /** The signal stopped it before all runs had finished. */
  readonly aborted: boolean;
}

/** Everything that happens in an experiment, in order; the trainer's events carry the run they belong to. */
export type ExperimentEvent =
  | PlanEvent
  | StartEvent
  | (TrainingEvent & { readonly run: RunId })
  | ScoringEvent
  | ResultEvent
  | DoneEvent;
