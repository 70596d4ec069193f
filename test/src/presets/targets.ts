import { readGolden } from '../support/golden.js';

/** A number of the papers with the settings that its row gives; `test/src/golden/published_targets.py` made the list. */
export interface Target {
  readonly id: string;
  readonly paper: string;
  readonly table: string;
  readonly dataset: string;
  readonly split: 'dev' | 'test';
  readonly metric: string;
  readonly value: number;
  /** Taken over from another paper: nothing to reproduce. */
  readonly quoted: boolean;
  readonly model: Readonly<Record<string, string | number | null>>;
  readonly regularizer: Readonly<Record<string, unknown>>;
  readonly hyperparameters?: Readonly<Record<string, number | string>>;
}

export const targets = readGolden<readonly Target[]>('published-targets.json');

/** Those that presets answer to. */
export const ownTargets = targets.filter(({ quoted }) => !quoted);
