import { setImmediate } from 'node:timers/promises';
import { type ExperimentConfig, isPlainObject, RnnxError } from '@rnnx/core';
import { trackingSeconds } from '../estimate/trial.js';
import { type Estimate, estimateRun, type RunSize, scaledEstimate, sizeOf } from '../estimate.js';
import type { Host } from '../host.js';
import { sorted } from '../report/config-hash.js';
import { describeEstimate } from '../terminal/estimate.js';
import { bytes, duration } from '../terminal/format.js';
import { createModel } from '../train-run.js';
import type { TableProgress } from './progress.js';
import type { PlannedPreset, PlannedRow } from './rows.js';

/** What rows will take, or why they cannot run here; by name of the preset. */
export interface Outlook {
  readonly estimates: ReadonlyMap<string, Estimate>;
  readonly problems: ReadonlyMap<string, string>;
}

/** Rows are measured for so long at most; then those that remain are reckoned from a measured one and their size. */
const measuringSeconds = 8;

/** Estimates that were made, by what decides the cost. */
interface Known {
  readonly byCost: Map<string, Estimate>;
  readonly measured: { readonly size: RunSize; readonly estimate: Estimate; readonly kind: string }[];
  /** When measuring ends, by `performance.now()`. */
  readonly until: number;
}

/**
 * Looks at data, model and a few steps of every preset, one seed of it, and says what it found.
 *
 * Errors: the first preset's where none can run.
 *
 * @param seconds of measuring; each kind of row that is like none before is measured whatever it takes
 */
export async function lookAhead(
  host: Host,
  planned: readonly PlannedPreset[],
  signal: AbortSignal,
  told: Pick<TableProgress, 'line' | 'looking'>,
  seconds = measuringSeconds,
): Promise<Outlook> {
  const estimates = new Map<string, Estimate>();
  const problems = new Map<string, string>();
  const known: Known = { byCost: new Map(), measured: [], until: performance.now() + 1000 * seconds };
  const searches = new Map<string, readonly Estimate[]>();
  let first: unknown;
  for (const [i, each] of planned.entries()) {
    if (signal.aborted) break;
    const { name } = each.preset;
    told.looking(name, i + 1, planned.length);
    await setImmediate(); // so that it is shown, and a signal is seen
    try {
      const estimate = await estimatePreset(host, each, known);
      estimates.set(name, estimate);
      if (each.drawn === undefined) told.line(`${name}  ${describeEstimate(estimate)}`);
      else searches.set(each.drawn.of.name, [...(searches.get(each.drawn.of.name) ?? []), estimate]);
    } catch (error) {
      if (!(error instanceof RnnxError)) {
        // Whatever it is, the row's own process will meet it and cost only itself.
        told.line(`${name}  no estimate: ${String(error).split('\n')[0]}`);
        continue;
      }
      first ??= error;
      problems.set(name, inOneLine(error));
      told.line(`${name}  cannot run: ${inOneLine(error)}`);
    }
  }
  for (const [name, all] of searches) {
    const seconds = all.reduce((sum, estimate) => sum + estimate.seconds, 0);
    const most = all.reduce((largest, estimate) => Math.max(largest, estimate.bytes), 0);
    told.line(`${name}  search of ${all.length}: about ${duration(seconds)} and ${bytes(most)} of memory`);
  }
  if (planned.length > 0 && problems.size === planned.length) throw first;
  return { estimates, problems };
}

function inOneLine({ code, message, details: { got, expected } }: RnnxError): string {
  const parts = [message.split('\n')[0], got, expected && `expected ${expected}`];
  return `${code}: ${parts.filter(Boolean).join('; ')}`;
}

/** All rows of a preset, one after another. */
async function estimatePreset(host: Host, { rows }: PlannedPreset, known: Known): Promise<Estimate> {
  let total: Estimate | undefined;
  for (const row of rows) {
    const key = costKey(row.planned.config);
    const one = known.byCost.get(key) ?? (await estimateRow(host, row, known));
    known.byCost.set(key, one);
    total = { ...one, seconds: one.seconds + (total?.seconds ?? 0), bytes: Math.max(one.bytes, total?.bytes ?? 0) };
  }
  return total!;
}

async function estimateRow(host: Host, { planned }: PlannedRow, { measured, until }: Known): Promise<Estimate> {
  const { config } = planned;
  const { scope } = await host.openRun(config);
  try {
    const dataset = await host.dataset(config, scope);
    const model = createModel(planned, scope, dataset);
    const kind = kindOf(config);
    const size = sizeOf(model, dataset, config);
    const { epochs, track } = config.training;
    const tracking = epochs * (await trackingSeconds(track, model)); // grows with another power of the size
    const plus = (estimate: Estimate, seconds: number) => ({ ...estimate, seconds: estimate.seconds + seconds });
    const like = measured.findLast((each) => each.kind === kind);
    if (like !== undefined && performance.now() > until) return plus(scaledEstimate(size, like), tracking);
    const estimate = await estimateRun(model, dataset, config);
    measured.push({ size, estimate: plus(estimate, -tracking), kind });
    return estimate;
  } finally {
    await scope.dispose();
  }
}

/** Rows of one kind cost in proportion to their size: the same cell under the same techniques. */
function kindOf({ model: { cell }, regularizers, training, backend }: ExperimentConfig): string {
  const cellName = typeof cell === 'string' ? cell : cell.name;
  const kinds = withoutValues({ regularizers, optimizer: training.optimizer.name });
  return JSON.stringify(sorted({ cellName, kinds, backend }));
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
