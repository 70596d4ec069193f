import { type ExperimentConfig, isPlainObject, RnnxError } from '@rnnx/core';
import { type Estimate, estimateRun } from '../estimate.js';
import type { Host } from '../host.js';
import { sorted } from '../report/config-hash.js';
import { describeEstimate } from '../terminal/estimate.js';
import { createModel } from '../train-run.js';
import type { PlannedPreset, PlannedRow } from './rows.js';

/** What rows will take, or why they cannot run here; by name of the preset. */
export interface Outlook {
  readonly estimates: ReadonlyMap<string, Estimate>;
  readonly problems: ReadonlyMap<string, string>;
}

/**
 * Looks at data, model and a few steps of every preset, one seed of it, and says what it found.
 *
 * Errors: the first preset's where none can run.
 */
export async function lookAhead(
  host: Host,
  planned: readonly PlannedPreset[],
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Outlook> {
  const estimates = new Map<string, Estimate>();
  const problems = new Map<string, string>();
  const known = new Map<string, Estimate>();
  let first: unknown;
  for (const each of planned) {
    if (signal.aborted) break;
    const { name } = each.preset;
    try {
      const estimate = await estimatePreset(host, each, known);
      estimates.set(name, estimate);
      say(`${name}  ${describeEstimate(estimate)}`);
    } catch (error) {
      if (!(error instanceof RnnxError)) {
        // Whatever it is, the row's own process will meet it and cost only itself.
        say(`${name}  no estimate: ${String(error).split('\n')[0]}`);
        continue;
      }
      first ??= error;
      problems.set(name, inOneLine(error));
      say(`${name}  cannot run: ${inOneLine(error)}`);
    }
  }
  if (planned.length > 0 && problems.size === planned.length) throw first;
  return { estimates, problems };
}

function inOneLine({ code, message, details: { got, expected } }: RnnxError): string {
  const parts = [message.split('\n')[0], got, expected && `expected ${expected}`];
  return `${code}: ${parts.filter(Boolean).join('; ')}`;
}

/** All rows of a preset, one after another. */
async function estimatePreset(host: Host, { rows }: PlannedPreset, known: Map<string, Estimate>): Promise<Estimate> {
  let total: Estimate | undefined;
  for (const row of rows) {
    const key = costKey(row.planned.config);
    const one = known.get(key) ?? (await estimateRow(host, row));
    known.set(key, one);
    total = { ...one, seconds: one.seconds + (total?.seconds ?? 0), bytes: Math.max(one.bytes, total?.bytes ?? 0) };
  }
  return total!;
}

async function estimateRow(host: Host, { planned }: PlannedRow): Promise<Estimate> {
  const { config } = planned;
  const { scope } = await host.openRun(config);
  try {
    const dataset = await host.dataset(config, scope);
    return await estimateRun(createModel(planned, scope, dataset), dataset, config);
  } finally {
    await scope.dispose();
  }
}

/** Rows that differ in rates, spreads, distributions and initial values only cost the same. */
function costKey({ dataset, model, training, evaluation, regularizers, backend }: ExperimentConfig): string {
  const { cell, layers, hiddenSize, embeddingSize, tied } = model;
  const { epochs, batchSize, bptt, carryState, optimizer } = training;
  const sizes = { layers, hiddenSize, embeddingSize, tied, epochs, batchSize, bptt, carryState };
  const kinds = withoutValues({ cell, regularizers, optimizer: optimizer.name });
  return JSON.stringify(sorted({ dataset, evaluation, backend, sizes, kinds }));
}

function withoutValues(value: unknown): unknown {
  if (typeof value === 'number') return null;
  if (Array.isArray(value)) return value.map(withoutValues);
  if (!isPlainObject(value)) return value;
  const kept = Object.entries(value).filter(([key]) => key !== 'distribution' && !/init$/i.test(key));
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutValues(inner)]));
}
