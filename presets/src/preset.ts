import type { ExperimentInput, SplitName } from '@rnnx/core';

/** A number that a paper prints. */
export interface Published {
  readonly split: SplitName;
  /** The quantity of `value`, one that a run reports; lower is better in all of them. */
  readonly metric: 'perplexity' | 'bits-per-character' | 'nll-per-step' | 'error-rate';
  readonly value: number;
  /** As the paper prints it, where that is another quantity: an accuracy in per cent. */
  readonly printed?: { readonly metric: 'accuracy'; readonly value: number };
  /** What the number is called in the list of published targets, test/golden/published-targets.json. */
  readonly targets?: readonly string[];
}

/** Where in the literature an experiment stands. */
export interface PublishedRow {
  /** Short name of the paper, for `rnnx describe` and `rnnx reproduce`: `noisin`. */
  readonly key: string;
  readonly title: string;
  readonly table: string;
  readonly row: string;
}

/** Something that the paper leaves open and this preset decides. */
export interface Choice {
  /** A few words: what is open. */
  readonly name: string;
  /** One sentence: what was chosen, and why. */
  readonly text: string;
}

/** A setting that a paper searched at random: one of a few values, or any between two, uniform on a scale. */
export type SearchRange = {
  /** As the paper calls it: `λ`, `step rate`. */
  readonly name: string;
  /** Where the value goes in the configuration: `regularizers.0.std`. */
  readonly paths: readonly string[];
} & (
  | { readonly values: readonly number[] }
  | { readonly from: number; readonly to: number; readonly scale: 'linear' | 'log' }
);

/** A ready experiment as data, with what was published beside it. */
export interface Preset {
  /** Lower case with hyphens. */
  readonly name: string;
  readonly aliases?: readonly string[];
  /** A few words, for lists. */
  readonly title: string;
  /** A sentence or two: what it is. */
  readonly summary: string;
  readonly paper?: PublishedRow;
  /** What was chosen where the paper is silent. */
  readonly choices?: readonly Choice[];
  /** Empty where nothing comparable was published. */
  readonly published: readonly Published[];
  readonly config: ExperimentInput;
  /** Where the paper found its settings; absent where it states no ranges. */
  readonly search?: readonly SearchRange[];
}
