import { createHash } from 'node:crypto';
import { type ExperimentConfig, isPlainObject } from '@rnnx/core';

/**
 * Twelve hexadecimal digits that tell one experiment from another: SHA-256 over everything that decides its result, in an
 * order of keys of its own. Seeds, the name, and what or how often a run reports or saves, do not count.
 */
export function configHash(config: ExperimentConfig): string {
  const { name: _name, seeds: _seeds, variants: _variants, training, ...rest } = config;
  const { reportEvery: _report, checkpointEvery: _save, track: _track, ...deciding } = training;
  const text = JSON.stringify(sorted({ ...rest, training: deciding }));
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** The same data with keys in alphabetical order. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isPlainObject(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
