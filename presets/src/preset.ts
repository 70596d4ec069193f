import type { ExperimentInput, SplitName } from '@rnnx/core';

/** A number that a paper prints. */
export interface Published {
  readonly split: SplitName;
  readonly metric: 'perplexity' | 'bits-per-character' | 'nll-per-step';
  readonly value: number;
}

/** Where in the literature an experiment stands. */
export interface PublishedRow {
  /** Short name of the paper, as in the presets' names: `noisin`. */
  readonly key: string;
  readonly title: string;
  readonly table: string;
  readonly row: string;
}

/** A ready experiment as data, with what was published beside it. */
export interface Preset {
  /** Lower case with hyphens. */
  readonly name: string;
  readonly aliases?: readonly string[];
  /** A few words, for lists. */
  readonly title: string;
  /** A sentence or two: what it is and what was chosen where the paper is silent. */
  readonly summary: string;
  readonly paper?: PublishedRow;
  /** Empty where nothing comparable was published. */
  readonly published: readonly Published[];
  readonly config: ExperimentInput;
}
