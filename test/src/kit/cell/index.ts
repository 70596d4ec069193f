import type { AnyPlugin } from '@rnnx/core';
import { metadata } from '../common/metadata.js';
import { optionsKept } from '../common/options-kept.js';
import { optionsUsed } from '../common/options-used.js';
import { refusals } from '../common/refusal.js';
import { strictSchema } from '../common/strict-schema.js';
import { type Invariant, suite, type Verdict, verdicts } from '../contract.js';
import { backends } from './backends.js';
import { carriedState } from './carried-state.js';
import type { CellClaims } from './claims.js';
import { determinism } from './determinism.js';
import { gradients } from './gradients.js';
import { layout } from './layout.js';
import { leaks } from './leaks.js';
import { shapes } from './shapes.js';
import { CellSubject } from './subject.js';

export const cellInvariants: readonly Invariant<CellSubject>[] = [
  metadata,
  strictSchema,
  refusals,
  optionsKept,
  optionsUsed,
  layout,
  determinism,
  shapes,
  carriedState,
  gradients,
  leaks,
  backends,
];

/** A mocha suite that proves a cell plugin: call it at the top of a test file, or within a `describe`. */
export function cellContract(plugin: AnyPlugin, claims: CellClaims): void {
  const subject = new CellSubject(plugin, claims);
  suite(subject.title, cellInvariants, () => subject);
}

/** The same outside mocha. */
export function checkCell(plugin: AnyPlugin, claims: CellClaims): Promise<Verdict[]> {
  const subject = new CellSubject(plugin, claims);
  return verdicts(cellInvariants, () => subject);
}
