import { readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type AnyPlugin, describeSchema, type OptionSchema, type Paper } from '@rnnx/core';
import { presetSection } from './preset-table.js';
import { pluginFolders, read, root } from './repository.js';
import { table } from './table.js';

export interface DocumentedPlugin {
  readonly plugin: AnyPlugin;
  /** Source file, from the repository's root. */
  readonly file: string;
}

const kindOrder: readonly string[] = ['regularizer', 'noise', 'cell', 'dataset', 'backend'];

/** Every plugin of the repository: by kind, then as its package exports it. */
export async function documentedPlugins(): Promise<DocumentedPlugin[]> {
  const found: DocumentedPlugin[] = [];
  for (const folder of pluginFolders()) {
    const entry = pathToFileURL(`${root}${folder}/dist/index.js`).href;
    const { plugins } = (await import(entry)) as { plugins: readonly AnyPlugin[] };
    for (const plugin of plugins) found.push({ plugin, file: sourceOf(plugin, folder) });
  }
  return found.sort((a, b) => kindOrder.indexOf(a.plugin.kind) - kindOrder.indexOf(b.plugin.kind));
}

function sourceOf({ kind, name }: AnyPlugin, folder: string): string {
  const files = readdirSync(`${root}${folder}/src`).filter((file) => file.endsWith('.ts'));
  const defining = files.find((file) => {
    const text = read(`${folder}/src/${file}`);
    return text.includes(`kind: '${kind}'`) && text.includes(`name: '${name}'`);
  });
  if (defining === undefined) throw new Error(`no file under ${folder}/src defines the ${kind} "${name}"`);
  return `${folder}/src/${defining}`;
}

/** The README's table: what each plugin does, where it comes from and which file to read. */
export function pluginTable(plugins: readonly DocumentedPlugin[]): string {
  const rows = plugins.map(({ plugin, file }) => {
    const { paper } = plugin;
    const label = paper === null ? '' : `${authorsOf(paper)} ${paper.year}`;
    const source = paper?.url === undefined ? label : `[${label}](${paper.url})`;
    return [plugin.kind, `[${plugin.name}](${file})`, plugin.summary, source, paper?.equations ?? ''];
  });
  return table(['Kind', 'Plugin', 'What it is', 'Paper', 'Equations'], rows);
}

function authorsOf({ authors }: Paper): string {
  const [first, ...others] = authors.split(', ');
  return others.length > 4 ? `${first} et al.` : authors;
}

/** The options of one plugin: name, allowed values, default, meaning. */
export function optionsTable({ schema }: AnyPlugin): string {
  const options = Object.entries(schema.properties as Readonly<Record<string, OptionSchema>>);
  if (options.length === 0) return 'No options.';
  const mandatory = new Set<string>((schema as { required?: readonly string[] }).required ?? []);
  const rows = options.map(([name, option]) => {
    const fallback = option.default === undefined ? 'none' : `\`${JSON.stringify(option.default)}\``;
    const start = mandatory.has(name) ? 'must be given' : fallback;
    return [`\`${name}\``, describeSchema(option), start, option.description ?? ''];
  });
  return table(['Option', 'Values', 'Default', 'Meaning'], rows);
}

/** What stands between `<!-- name:start -->` and `<!-- name:end -->`; `undefined` without the markers. */
export function section(text: string, name: string): string | undefined {
  const [, rest] = text.split(`<!-- ${name}:start -->\n`);
  return rest?.split(`\n<!-- ${name}:end -->`)[0];
}

/** The text with every generated section in it renewed. Throws where the plugin of a section is gone. */
export function renew(text: string, plugins: readonly DocumentedPlugin[]): string {
  return text.replace(/<!-- (\S+):start -->\n[\s\S]*?<!-- \1:end -->/g, (_, name: string) => {
    return `<!-- ${name}:start -->\n${generate(name, plugins)}\n<!-- ${name}:end -->`;
  });
}

function generate(name: string, plugins: readonly DocumentedPlugin[]): string {
  if (name === 'plugins') return pluginTable(plugins);
  if (/^(presets|choices)\//.test(name)) return presetSection(name);
  const found = plugins.find(({ plugin }) => name === sectionOf(plugin));
  if (found === undefined)
    throw new Error(
      `nothing is called "${name}"; a section is "plugins", "options/<kind>/<name>", "presets/<paper>/<table>" or "choices/<paper>"`,
    );
  return optionsTable(found.plugin);
}

export function sectionOf({ kind, name }: AnyPlugin): string {
  return `options/${kind}/${name}`;
}
