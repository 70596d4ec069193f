import type { ExperimentConfig } from '@rnnx/core';
import { sorted } from './config-hash.js';
import type { ReportRow } from './report.js';

/** Rows whose curves belong in one plot: they share data and kind of network. */
export interface Group {
  readonly title: string;
  readonly rows: readonly ReportRow[];
}

/**
 * Rows by data set, depth and activation; by width too where one technique comes in several widths, as in tables of small
 * and large networks.
 */
export function groupsOf(rows: readonly ReportRow[]): readonly Group[] {
  return partition(rows, ({ table, config }) =>
    JSON.stringify([table, sorted(config.dataset), depthOf(config)]),
  ).flatMap((coarse) => {
    const widths = new Map<string, Set<number>>();
    for (const { config } of coarse) {
      const technique = JSON.stringify([nameOf(config.model.cell), config.regularizers.map(nameOf)]);
      widths.set(technique, (widths.get(technique) ?? new Set()).add(config.model.hiddenSize));
    }
    const byWidth = [...widths.values()].some(({ size }) => size > 1);
    const groups = byWidth ? partition(coarse, ({ config }) => String(config.model.hiddenSize)) : [coarse];
    return groups.map((group) => ({ title: titleOf(group[0]!, byWidth), rows: group }));
  });
}

export function partition<T>(values: readonly T[], keyOf: (value: T) => string): readonly (readonly T[])[] {
  const parts = new Map<string, T[]>();
  for (const value of values) parts.set(keyOf(value), [...(parts.get(keyOf(value)) ?? []), value]);
  return [...parts.values()];
}

export const nameOf = (ref: string | { readonly name: string }) => (typeof ref === 'string' ? ref : ref.name);

function depthOf({ model }: ExperimentConfig): string {
  return `${model.layers} ${activationOf(model.cell)}`;
}

function activationOf(cell: ExperimentConfig['model']['cell']): string {
  return typeof cell !== 'string' && typeof cell.activation === 'string' ? cell.activation : '';
}

function titleOf({ config, table }: ReportRow, withWidth: boolean): string {
  const { dataset, model } = config;
  const layers = `${model.layers} ${model.layers === 1 ? 'layer' : 'layers'}`;
  const parts = [nameOf(dataset), layers, activationOf(model.cell), withWidth ? `${model.hiddenSize} units` : ''];
  return `${table === undefined ? '' : `${table}: `}${parts.filter(Boolean).join(', ')}`;
}
