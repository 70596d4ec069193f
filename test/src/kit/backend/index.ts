import type { AnyPlugin } from '@rnnx/core';
import { metadata } from '../common/metadata.js';
import { optionsKept } from '../common/options-kept.js';
import { refusals } from '../common/refusal.js';
import { strictSchema } from '../common/strict-schema.js';
import { type Invariant, suite, type Verdict, verdicts } from '../contract.js';
import type { BackendClaims } from './claims.js';
import { leaks } from './leaks.js';
import { optionsUsed } from './options-used.js';
import { probe } from './probe.js';
import { BackendSubject } from './subject.js';
import { training } from './training.js';

export const backendInvariants: readonly Invariant<BackendSubject>[] = [
  metadata,
  strictSchema,
  refusals,
  optionsKept,
  optionsUsed,
  probe,
  training,
  leaks,
];

/** A mocha suite that proves a compute backend: call it at the top of a test file, or within a `describe`. */
export function backendContract(plugin: AnyPlugin, claims: BackendClaims): void {
  const subject = new BackendSubject(plugin, claims);
  suite(subject.title, backendInvariants, () => subject);
}

/** The same outside mocha. */
export function checkBackend(plugin: AnyPlugin, claims: BackendClaims): Promise<Verdict[]> {
  const subject = new BackendSubject(plugin, claims);
  return verdicts(backendInvariants, () => subject);
}
