import {
  type AnyPlugin,
  describeSchema,
  didYouMean,
  type OptionSchema,
  type PluginKind,
  pluginKinds,
  RnnxError,
} from '@rnnx/core';
import { describePublished, type Preset, presets, presetsOfPaper, type SearchRange } from '@rnnx/presets';
import { lookUpPreset, presetNames } from '../config/presets.js';
import type { Discovered } from '../discovery/discover.js';
import { table } from '../terminal/table.js';
import { discoverHere } from './list.js';

export interface DescribeOptions {
  readonly config?: string;
}

/** `rnnx describe NAME`: a plugin (`gaussian` or `noise/gaussian`), a preset, or a paper (all its presets). */
export async function describe(name: string, options: DescribeOptions): Promise<number> {
  const found = await discoverHere(options.config);
  const sections = [
    ...pluginsCalled(name, found).map((plugin) => describePlugin(plugin, found)),
    ...describePreset(lookUpPreset(name)),
    ...describePaper(name),
  ];
  if (sections.length === 0) throw unknown(name, found);
  process.stdout.write(`${sections.join('\n\n')}\n`);
  return 0;
}

function pluginsCalled(name: string, { registry }: Discovered): AnyPlugin[] {
  const [kind, rest] = name.includes('/') ? name.split('/', 2) : [undefined, name];
  const kinds = kind === undefined ? pluginKinds : pluginKinds.filter((known) => known === kind);
  return kinds.flatMap((each) =>
    (registry.list(each) as readonly AnyPlugin[]).filter((plugin) => plugin.name === rest),
  );
}

function describePlugin(plugin: AnyPlugin, { origins }: Discovered): string {
  const { from, version } = origins.get(`${plugin.kind}/${plugin.name}`)!;
  const { paper } = plugin;
  const lines = [
    `${plugin.kind} ${plugin.name}`,
    plugin.summary,
    `from ${from}${version === null ? '' : ` ${version}`}`,
  ];
  if (paper !== null)
    lines.push(
      `paper: ${paper.authors} (${paper.year}). ${paper.title}.${paper.equations ? ` Equations ${paper.equations}.` : ''}${paper.url ? ` ${paper.url}` : ''}`,
    );
  return `${lines.join('\n')}\n\n${optionsTable(plugin)}`;
}

function optionsTable({ schema }: AnyPlugin): string {
  const options = Object.entries(schema.properties as Record<string, OptionSchema>);
  if (options.length === 0) return 'no options';
  const required = (schema.required ?? []) as readonly string[];
  return table(
    ['option', 'values', 'default', 'meaning'],
    options.map(([name, option]) => [
      name,
      describeSchema(option),
      required.includes(name) ? 'required' : option.default === undefined ? '' : JSON.stringify(option.default),
      option.description ?? '',
    ]),
  );
}

function describePreset(preset: Preset | undefined): string[] {
  if (preset === undefined) return [];
  const { paper, published, choices = [], search = [] } = preset;
  const numbers = published.map(describePublished).join(', ');
  const lines = [`preset ${preset.name}`, preset.title, preset.summary];
  if (preset.aliases !== undefined) lines.push(`also called ${preset.aliases.join(', ')}`);
  if (paper !== undefined) lines.push(`paper: ${paper.title}, ${paper.table}: ${paper.row}`);
  lines.push(published.length > 0 ? `published: ${numbers}` : 'nothing comparable is published');
  for (const { name, text } of choices) lines.push(`our choice, ${name}: ${text}`);
  if (search.length > 0) lines.push(`searched by the paper: ${search.map(describeRange).join('; ')}`);
  lines.push(`run: npx rnnx run --preset ${preset.name}`);
  return [`${lines.join('\n')}\n\n${JSON.stringify(preset.config, null, 2)}`];
}

function describeRange(range: SearchRange): string {
  if ('values' in range) return `${range.name} from ${range.values.join(', ')}`;
  return `${range.name} from ${range.from} to ${range.to}${range.scale === 'log' ? ', logarithmic' : ''}`;
}

function describePaper(key: string): string[] {
  const rows = presetsOfPaper(key);
  if (rows.length === 0) return [];
  const cells = rows.map(({ name, paper, published }) => [
    name,
    `${paper!.table}: ${paper!.row}`,
    published.map(describePublished).join(', '),
  ]);
  return [`paper ${key}: ${rows[0]!.paper!.title}\n\n${table(['preset', 'row', 'published'], cells)}`];
}

function unknown(name: string, { registry }: Discovered): RnnxError {
  const plugins = pluginKinds.flatMap((kind: PluginKind) => registry.list(kind).map((plugin) => plugin.name));
  const papers = presets.flatMap(({ paper }) => (paper ? [paper.key] : []));
  return new RnnxError('RNNX_USAGE', `Nothing is called "${name}"`, {
    got: name,
    expected: 'a plugin, a preset or a paper, as `rnnx list plugins` and `rnnx list presets` show them',
    remedy: `correct the name.${didYouMean(name, [...plugins, ...presetNames(), ...papers])}`,
  });
}
