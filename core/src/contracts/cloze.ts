import type { Vocabulary } from './dataset-provider.js';

/**
 * Cloze questions about a text: which entity stands at the placeholder? Entities are anonymous markers (`@entity7`), so that
 * only the passage can tell. Categorical likelihood over `answers`.
 */
export interface ClozeTask {
  readonly kind: 'cloze';
  readonly vocabulary: Vocabulary;
  /** Vocabulary indices of the entity markers; within one text they may be exchanged for each other. */
  readonly entities: readonly number[];
  /** Vocabulary indices that can be an answer: one output of the model each. */
  readonly answers: readonly number[];
  /** Share of wrong answers, in percent. */
  readonly metric: 'error-rate';
}

/** Tokens are indices into the task's vocabulary. */
export interface ClozeExample {
  /** At least one token. */
  readonly passage: Int32Array;
  /** At least one token, among them the placeholder. */
  readonly question: Int32Array;
  /** One of the task's `answers`. */
  readonly answer: number;
}

export interface ClozeSplit {
  readonly kind: 'cloze';
  readonly examples: readonly ClozeExample[];
  /** Training draws as many examples as there are, with replacement, instead of each once; default false. */
  readonly withReplacement?: boolean;
  /** Training gives the entities of each text other markers at random in every epoch; default false. */
  readonly shuffleEntities?: boolean;
}
