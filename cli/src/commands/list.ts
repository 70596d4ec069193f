import type { AnyPlugin, PluginKind } from '@rnnx/core';
import { presets } from '@rnnx/presets';
import { findConfig, loadConfig } from '../config/load.js';
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

/** `rnnx list`. */
export async function list(what: Listing, options: ListOptions): Promise<number> {
  const rows = what === 'presets' ? presetRows() : await pluginRows(what, options.config);
  if (options.json) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  else if (rows.length === 0) process.stdout.write(`no ${what}\n`);
  else {
    const head = Object.keys(rows[0]!);
    const cells = rows.map((row) => head.map((key) => row[key] ?? ''));
    process.stdout.write(`${table(head, cells)}\n`);
  }
  return 0;
}

type Rows = readonly Readonly<Record<string, string>>[];

function presetRows(): Rows {
  return presets.map(({ name, title, published }) => ({
    name,
    title,
    published: published.map(({ split, value }) => `${split} ${value}`).join(', '),
  }));
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
