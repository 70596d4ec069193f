import type { AnyPlugin } from '@rnnx/core';
import { metadata } from '../common/metadata.js';
import { optionsKept } from '../common/options-kept.js';
import { optionsUsed } from '../common/options-used.js';
import { refusals } from '../common/refusal.js';
import { strictSchema } from '../common/strict-schema.js';
import { type Invariant, suite, type Verdict, verdicts } from '../contract.js';
import { abort } from './abort.js';
import type { DatasetClaims } from './claims.js';
import { content } from './content.js';
import { determinism } from './determinism.js';
import { leaks } from './leaks.js';
import { DatasetSubject } from './subject.js';

export const datasetInvariants: readonly Invariant<DatasetSubject>[] = [
  metadata,
  strictSchema,
  refusals,
  optionsKept,
  optionsUsed,
  content,
  determinism,
  abort,
  leaks,
];

/**
 * A mocha suite that proves a data set: call it at the top of a test file, or within a `describe`.
 *
 * @param claims or what makes them once the suite runs, for files that a hook writes
 */
export function datasetContract(plugin: AnyPlugin, claims: DatasetClaims | (() => DatasetClaims)): void {
  const make = typeof claims === 'function' ? claims : () => claims;
  suite(`dataset "${plugin.name}"`, datasetInvariants, () => new DatasetSubject(plugin, make()));
}

/** The same outside mocha. */
export function checkDataset(plugin: AnyPlugin, claims: DatasetClaims): Promise<Verdict[]> {
  const subject = new DatasetSubject(plugin, claims);
  return verdicts(datasetInvariants, () => subject);
}
