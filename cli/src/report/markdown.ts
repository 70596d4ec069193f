import type { Choice } from '@rnnx/presets';
import { resultTable } from './cells.js';
import { choicesOf } from './choices.js';
import { environmentOf } from './environment.js';
import { type Report, type ReportRow, tablesOf } from './report.js';
import { bestFirst } from './search.js';

/** The report's tables, commands and environment as Markdown. */
export function renderMarkdown(report: Report): string {
  const parts = [`# ${report.title}`, report.subtitle, ...report.notes.map((note) => `- ${note}`)];
  for (const [name, rows] of tablesOf(report.rows)) {
    const { head, body } = resultTable(rows[0]!.search ? bestFirst(rows) : rows);
    parts.push(`## ${name}`, table(head, body), ...choicesIn(rows));
  }
  if (report.rows.some(({ runs }) => runs.some(({ data }) => data !== undefined && data.result === undefined)))
    parts.push('\\* not finished: the best validation epoch so far.');
  parts.push(
    '## Commands',
    `\`\`\`\n${[report.command, ...report.rows.map(({ command }) => command)].join('\n')}\n\`\`\``,
  );
  const environment = environmentOf(report.rows);
  if (environment.length > 0) parts.push('## Environment', table(['', ''], environment));
  return `${parts.join('\n\n')}\n`;
}

/** What the rows decide where the paper is silent: that of all rows, then that of each. */
function choicesIn(rows: readonly ReportRow[]): readonly string[] {
  const { common, own } = choicesOf(rows);
  const list = (choices: readonly Choice[], indent = '') =>
    choices.map(({ name, text }) => `${indent}- ${escapeCell(name)}: ${escapeCell(text)}`);
  const single = rows.flatMap(({ label }, i) =>
    own[i]!.length === 0 ? [] : [`- ${escapeCell(label)}`, ...list(own[i]!, '  ')],
  );
  return [
    ...(common.length === 0 ? [] : ['Where the paper is silent, in all of these rows:', list(common).join('\n')]),
    ...(single.length === 0 ? [] : ['Where the paper is silent, row by row:', single.join('\n')]),
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escapeCell).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

function escapeCell(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll('<', '&lt;').replace(/\s+/g, ' ');
}
