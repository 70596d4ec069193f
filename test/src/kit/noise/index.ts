import type { AnyPlugin } from '@rnnx/core';
import { metadata } from '../common/metadata.js';
import { optionsKept } from '../common/options-kept.js';
import { optionsUsed } from '../common/options-used.js';
import { refusals } from '../common/refusal.js';
import { strictSchema } from '../common/strict-schema.js';
import { type Invariant, suite, type Verdict, verdicts } from '../contract.js';
import { backends } from './backends.js';
import type { NoiseClaims } from './claims.js';
import { determinism } from './determinism.js';
import { moments } from './moments.js';
import { shapes } from './shapes.js';
import { spreadDependence } from './spread.js';
import { streams } from './streams.js';
import { NoiseSubject } from './subject.js';
import { support } from './support.js';

export const noiseInvariants: readonly Invariant<NoiseSubject>[] = [
  metadata,
  strictSchema,
  refusals,
  optionsKept,
  optionsUsed,
  determinism,
  streams,
  moments,
  support,
  spreadDependence,
  shapes,
  backends,
];

/** A mocha suite that proves a noise distribution: call it at the top of a test file, or within a `describe`. */
export function noiseContract(plugin: AnyPlugin, claims: NoiseClaims): void {
  const subject = new NoiseSubject(plugin, claims);
  suite(subject.title, noiseInvariants, () => subject);
}

/** The same outside mocha. */
export function checkNoise(plugin: AnyPlugin, claims: NoiseClaims): Promise<Verdict[]> {
  const subject = new NoiseSubject(plugin, claims);
  return verdicts(noiseInvariants, () => subject);
}
