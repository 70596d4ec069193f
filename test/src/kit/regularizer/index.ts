import type { AnyPlugin } from '@rnnx/core';
import { metadata } from '../common/metadata.js';
import { optionsKept } from '../common/options-kept.js';
import { optionsUsed } from '../common/options-used.js';
import { refusals } from '../common/refusal.js';
import { strictSchema } from '../common/strict-schema.js';
import { type Invariant, suite, type Verdict, verdicts } from '../contract.js';
import { backends } from './backends.js';
import { carriedState } from './carried-state.js';
import type { RegularizerClaims } from './claims.js';
import { determinism } from './determinism.js';
import { evaluation } from './evaluation.js';
import { gradients } from './gradients.js';
import { identity } from './identity.js';
import { leaks } from './leaks.js';
import { lifetime } from './lifetime.js';
import { shapes } from './shapes.js';
import { sharing } from './sharing.js';
import { streams } from './streams.js';
import { RegularizerSubject } from './subject.js';
import { unbiased } from './unbiased.js';
import { visible } from './visible.js';

export const regularizerInvariants: readonly Invariant<RegularizerSubject>[] = [
  metadata,
  strictSchema,
  refusals,
  optionsKept,
  optionsUsed,
  visible,
  determinism,
  streams,
  evaluation,
  identity,
  lifetime,
  sharing,
  unbiased,
  shapes,
  carriedState,
  gradients,
  leaks,
  backends,
];

/** A mocha suite that proves a regularizer plugin: call it at the top of a test file, or within a `describe`. */
export function regularizerContract(plugin: AnyPlugin, claims: RegularizerClaims): void {
  const subject = new RegularizerSubject(plugin, claims);
  suite(subject.title, regularizerInvariants, () => subject);
}

/** The same outside mocha. */
export function checkRegularizer(plugin: AnyPlugin, claims: RegularizerClaims): Promise<Verdict[]> {
  const subject = new RegularizerSubject(plugin, claims);
  return verdicts(regularizerInvariants, () => subject);
}
