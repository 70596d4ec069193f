import { type Preset, type Published, presets, presetsOfPaper } from '@rnnx/presets';
import { table } from './table.js';

/** Sections of docs/presets.md: `presets/<paper>/<table>` and, once a paper, `choices/<paper>`. */
export function presetSections(): string[] {
  const keys = [...new Set(presets.flatMap(({ paper }) => (paper ? [paper.key] : [])))];
  return keys.flatMap((key) => [
    ...[...new Set(presetsOfPaper(key).map(tableOf))].map((name) => `presets/${key}/${name}`),
    ...(presetsOfPaper(key).some(({ choices = [] }) => choices.length > 0) ? [`choices/${key}`] : []),
  ]);
}

/** Throws where a section is of no paper. */
export function presetSection(name: string): string {
  const [kind, key, tableName] = name.split('/');
  const rows = presetsOfPaper(key!).filter((preset) => kind === 'choices' || tableOf(preset) === tableName);
  if (rows.length === 0) throw new Error(`no preset belongs to the section "${name}"`);
  return kind === 'choices' ? choicesTable(rows) : publishedTable(rows);
}

/** `Table 1` as part of a marker. */
function tableOf({ paper }: Preset): string {
  return paper!.table.toLowerCase().replace(' ', '-');
}

function publishedTable(rows: readonly Preset[]): string {
  const columns = new Map(rows.flatMap(({ published }) => published.map((number) => [columnOf(number), number])));
  return table(
    ['Preset', 'Row', ...columns.keys()],
    rows.map(({ name, paper, published }) => [
      `\`${name}\``,
      paper!.row,
      ...[...columns.keys()].map((column) => {
        const number = published.find((candidate) => columnOf(candidate) === column);
        return number === undefined ? '' : String((number.printed ?? number).value);
      }),
    ]),
  );
}

function columnOf({ split, metric, printed }: Published): string {
  return `${split} ${(printed?.metric ?? metric).replaceAll('-', ' ')}${printed ? ', %' : ''}`;
}

/** Each choice once, with the presets that make it where not all of the paper's do. */
function choicesTable(rows: readonly Preset[]): string {
  const makers = new Map<string, { readonly name: string; readonly text: string; readonly presets: Preset[] }>();
  for (const preset of rows)
    for (const { name, text } of preset.choices ?? []) {
      const entry = makers.get(text) ?? { name, text, presets: [] };
      entry.presets.push(preset);
      makers.set(text, entry);
    }
  return table(
    ['Open in the paper', 'Here', 'Presets'],
    [...makers.values()].map(({ name, text, presets: all }) => [name, text, whichOf(all, rows)]),
  );
}

function whichOf(some: readonly Preset[], all: readonly Preset[]): string {
  if (some.length === all.length) return 'all';
  if (some.length <= 2) return some.map(({ name }) => `\`${name}\``).join(', ');
  return `${some.length}, such as \`${some[0]!.name}\``;
}
