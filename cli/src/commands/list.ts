import { type AnyPlugin, didYouMean, type PluginKind, RnnxError } from '@rnnx/core';
import { describePublished, type Preset, presets } from '@rnnx/presets';
import { findConfig, loadConfig } from '../config/load.js';
import { matches } from '../config/pattern.js';
import { type Discovered, discover, pluginSpecs } from '../discovery/discover.js';
import { table } from '../terminal/table.js';
import type { Listing } from './options.js';
import { probeBackend } from './probe.js';

export interface ListOptions {
  readonly config?: string;
  readonly json?: boolean;
}

/** Plugins that come with rnnx and those that the configuration file names. */
export async function discoverHere(config?: string): Promise<Discovered> {
  const cwd = process.cwd();
  const file = config === undefined ? await findConfig(cwd) : await loadConfig(config, cwd);
  return discover(pluginSpecs(file?.config.plugins), file?.folder ?? cwd);
}

/**
 * `rnnx list`. Errors: RNNX_USAGE where nothing fits the filter.
 *
 * @param filter part of a name, a pattern with `*`, or (presets) the key of a paper
 */
export async function list(what: Listing, filter: string | undefined, options: ListOptions): Promise<number> {
  if (what === 'presets') return listPresets(filter, options);
  const all = await pluginRows(what, options.config);
  const rows = all.filter(({ name }) => filter === undefined || matches(filter, name!));
  checkFilter(rows, all, what, filter);
  process.stdout.write(options.json ? `${JSON.stringify(rows, null, 2)}\n` : `${renderRows(rows)}\n`);
  return 0;
}

type Rows = readonly Readonly<Record<string, string>>[];

function listPresets(filter: string | undefined, { json = false }: ListOptions): number {
  const chosen = presets.filter(
    ({ name, aliases = [], paper }) =>
      filter === undefined || paper?.key === filter || [name, ...aliases].some((each) => matches(filter, each)),
  );
  checkFilter(chosen, presets, 'presets', filter);
  process.stdout.write(json ? `${JSON.stringify(chosen.map(presetRow), null, 2)}\n` : `${renderPresets(chosen)}\n`);
  return 0;
}

function presetRow({ name, title, paper, published }: Preset): Record<string, string> {
  return {
    name,
    title,
    published: published.map(({ split, value }) => `${split} ${value}`).join(', '),
    ...(paper ? { paper: paper.key, table: paper.table, row: paper.row } : {}),
  };
}

/** A table for each of the papers' tables, in the order of the presets. */
function renderPresets(chosen: readonly Preset[]): string {
  const headings = [...new Set(chosen.map(headingOf))];
  return headings
    .map((heading) => {
      const members = chosen.filter((preset) => headingOf(preset) === heading);
      const rows = members.map(({ name, title, published }) => [
        name,
        title,
        published.map(describePublished).join(', '),
      ]);
      return `${heading}\n${table(['preset', 'what it is', 'published'], rows)}`;
    })
    .join('\n\n');
}

function headingOf({ paper }: Preset): string {
  return paper ? `${paper.key}, ${paper.table}: ${paper.title}` : 'Our own settings: nothing comparable is published';
}

function renderRows(rows: Rows): string {
  if (rows.length === 0) return 'nothing';
  const head = Object.keys(rows[0]!);
  return table(
    head,
    rows.map((row) => head.map((key) => row[key] ?? '')),
  );
}

function checkFilter(
  rows: readonly unknown[],
  all: readonly { readonly name?: string }[],
  what: Listing,
  filter: string | undefined,
): void {
  if (rows.length > 0 || filter === undefined) return;
  throw new RnnxError('RNNX_USAGE', `No ${what} fit "${filter}"`, {
    got: filter,
    expected: `part of a name, or a pattern with *${what === 'presets' ? ', or the key of a paper' : ''}`,
    remedy: `see them all: rnnx list ${what}.${didYouMean(
      filter,
      all.map(({ name }) => name!),
    )}`,
  });
}

async function pluginRows(what: Exclude<Listing, 'presets'>, config: string | undefined): Promise<Rows> {
  const { registry, origins } = await discoverHere(config);
  const kind = ({ datasets: 'dataset', backends: 'backend', plugins: undefined } as const)[what];
  const kinds: readonly PluginKind[] = kind ? [kind] : ['cell', 'regularizer', 'noise', 'dataset', 'backend'];
  const rows: Readonly<Record<string, string>>[] = [];
  for (const each of kinds)
    for (const plugin of registry.list(each) as readonly AnyPlugin[]) {
      const { from, version } = origins.get(`${plugin.kind}/${plugin.name}`)!;
      rows.push({
        ...(kind ? {} : { kind: plugin.kind }),
        name: plugin.name,
        summary: plugin.summary,
        ...(what === 'backends' ? await stateOf(registry, plugin.name) : {}),
        from: version === null ? from : `${from} ${version}`,
      });
    }
  return rows;
}

async function stateOf(registry: Discovered['registry'], name: string): Promise<{ works: string }> {
  const status = await probeBackend(registry, name);
  return { works: status.available ? `yes: ${status.detail}` : `no: ${status.reason}` };
}
