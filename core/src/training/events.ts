import type { SplitName } from '../contracts/dataset-provider.js';
import type { Snapshot } from './snapshot.js';

/** Mean over the predictions of a split. */
export interface Score {
  /** Nats per prediction (or per step, for frames). */
  readonly nll: number;
  /** In the task's metric: perplexity, bits per character, NLL per step, error rate in per cent. Lower is better. */
  readonly metric: number;
  /** Predictions counted. */
  readonly count: number;
  /** Wrong ones among them, for tasks measured by their error rate. */
  readonly errors?: number;
}

export interface StepEvent {
  readonly type: 'step';
  readonly epoch: number;
  /** Steps done in this epoch, from 1. */
  readonly step: number;
  readonly stepsPerEpoch: number;
  /** Steps done since the start of the run. */
  readonly globalStep: number;
  /** Mean nats per prediction since the last report, penalties excluded. */
  readonly loss: number;
  /** The same predictions in the task's metric. */
  readonly metric: number;
  /** Global norm of the last gradient, before clipping. */
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** Tokens (or frames) read a second since the last report, Monte Carlo copies not counted. */
  readonly tokensPerSecond: number;
}

export interface EpochEvent {
  readonly type: 'epoch';
  /** From 1. */
  readonly epoch: number;
  readonly train: Score;
  readonly valid: Score;
  readonly best: boolean;
  readonly learningRate: number;
  readonly seconds: number;
  /** Values of the regularizers' scalar parameters, such as learned spreads. */
  readonly scalars: Readonly<Record<string, number>>;
}

export interface CheckpointEvent {
  readonly type: 'checkpoint';
  /** `best` snapshots are of the best epoch so far; `last` ones resume. */
  readonly best: boolean;
  readonly snapshot: Snapshot;
}

export interface EndEvent {
  readonly type: 'end';
  readonly reason: 'epochs' | 'early-stopping' | 'aborted';
  readonly epochs: number;
  readonly bestEpoch: number;
}

export type TrainingEvent = StepEvent | EpochEvent | CheckpointEvent | EndEvent;

export type Scores = Readonly<Partial<Record<SplitName, Score>>>;
