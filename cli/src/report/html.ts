import type { Choice } from '@rnnx/presets';
import { resultTable } from './cells.js';
import { type Chart, colourOf } from './chart.js';
import { choicesOf } from './choices.js';
import { groupCurves, learningCurves } from './curves.js';
import { environmentOf } from './environment.js';
import { groupsOf } from './groups.js';
import { type Report, type ReportFigure, type ReportRow, statusOf, tablesOf } from './report.js';
import { bestFirst, shownOfSearch, withoutSearches } from './search.js';
import { style } from './style.js';
import { escapeXml, renderSvg } from './svg.js';

/** The page may load nothing and run nothing: it is all there. */
const policy = "default-src 'none'; style-src 'unsafe-inline'";

/** One page that opens from disk: tables, plots, commands, environment. The same report gives the same bytes. */
export function renderHtml(report: Report): string {
  const tables = [...tablesOf(report.rows)];
  const groups = groupPlots(withoutSearches(report.rows).table);
  const sections = [
    ...tables.map(([name, rows], i) =>
      section(`table-${i + 1}`, name, rows[0]!.search ? searchOf(name, rows) : tableOf(name, rows)),
    ),
    ...report.figures.map((figure) => section(`figure-${figure.id}`, figure.title, figureBody(figure))),
    ...(groups.length > 0 ? [section('curves', 'Learning curves', groups.join('\n'))] : []),
    section('commands', 'Commands', commands(report)),
    section('environment', 'Environment', environment(report)),
  ];
  const links = [
    ...tables.map(([name], i) => link(`table-${i + 1}`, name)),
    ...report.figures.map(({ id, title }) => link(`figure-${id}`, title)),
    ...(groups.length > 0 ? [link('curves', 'Learning curves')] : []),
    link('commands', 'Commands'),
    link('environment', 'Environment'),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${escapeXml(report.title)}</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>${escapeXml(report.title)}</h1>
<p>${escapeXml(report.subtitle)}</p>
${report.notes.length > 0 ? `<ul class="notes">${report.notes.map((note) => `<li>${escapeXml(note)}</li>`).join('')}</ul>` : ''}
<nav>${links.join('')}</nav>
</header>
<main>
${sections.join('\n')}
</main>
</body>
</html>
`;
}

const link = (id: string, text: string) => `<a href="#${id}">${escapeXml(text)}</a>`;

function section(id: string, title: string, body: string): string {
  return `<section id="${id}">\n<h2>${escapeXml(title)}</h2>\n${body}\n</section>`;
}

function tableOf(name: string, rows: readonly ReportRow[]): string {
  const table = resultTable(rows);
  const { common, own } = choicesOf(rows);
  const head = table.head.map((column) => `<th scope="col">${escapeXml(column)}</th>`).join('');
  const body = rows.map((row, i) => {
    const [label, ...cells] = table.body[i]!.map(escapeXml);
    const last = cells.pop();
    return (
      `<tr class="${statusOf(row).replace(' ', '-')}"><th scope="row">${label}</th>` +
      `${cells.map((cell) => `<td>${cell}</td>`).join('')}<td class="state">${last}${folded('where the paper is silent', own[i]!)}</td></tr>`
    );
  });
  const unfinished = rows.some(({ runs }) => runs.some(({ data }) => data !== undefined && data.result === undefined));
  return (
    `<div class="scroll${rows[0]!.search ? ' settings' : ''}" tabindex="0" role="region" aria-label="${escapeXml(name)}"><table>` +
    `<thead><tr>${head}</tr></thead>\n<tbody>\n${body.join('\n')}\n</tbody></table></div>` +
    `${unfinished ? '<p class="note">* not finished: the best validation epoch so far.</p>' : ''}` +
    folded('in all of these rows where the paper is silent', common)
  );
}

/** The best settings of a search, then all of them, folded. */
function searchOf(name: string, rows: readonly ReportRow[]): string {
  const ordered = bestFirst(rows);
  const best = tableOf(name, ordered.slice(0, shownOfSearch));
  if (rows.length <= shownOfSearch) return best;
  return `${best}\n<details><summary>All ${rows.length} settings, the best validation first</summary>${tableOf(name, ordered)}</details>`;
}

/** Choices behind a line that tells how many there are. */
function folded(what: string, choices: readonly Choice[]): string {
  if (choices.length === 0) return '';
  const entries = choices.map(({ name, text }) => `<dt>${escapeXml(name)}</dt><dd>${escapeXml(text)}</dd>`);
  return `<details class="choices"><summary>${choices.length} ${choices.length === 1 ? 'choice' : 'choices'} ${what}</summary><dl>${entries.join('')}</dl></details>`;
}

function figureBody({ id, caption, charts }: ReportFigure): string {
  return `<p class="note">${escapeXml(caption)}</p>${plots(charts, `figure-${id}`)}`;
}

/** Each group of rows with its overlaid curves, then those of its rows, folded. */
function groupPlots(rows: readonly ReportRow[]): readonly string[] {
  return groupsOf(rows).flatMap(({ title, rows: members }, g) => {
    const overlaid = groupCurves(members);
    if (overlaid.length === 0) return [];
    const single = members.flatMap((row) => learningCurves(row) ?? []);
    return [
      `<h3>${escapeXml(title)}</h3>\n${plots(overlaid, `group-${g + 1}`)}\n` +
        `<details><summary>Row by row, training dashed</summary>${plots(single, `rows-${g + 1}`)}</details>`,
    ];
  });
}

function plots(charts: readonly Chart[], id: string): string {
  return `<div class="plots">${charts.map((chart, i) => plot(chart, `${id}-${i + 1}`)).join('\n')}</div>`;
}

function plot(chart: Chart, id: string): string {
  const legend = chart.kind === 'surface' || chart.series.length < 2 ? '' : legendOf(chart.series);
  return `<figure><figcaption>${escapeXml(chart.title)}</figcaption>${renderSvg(chart, id)}${legend}</figure>`;
}

function legendOf(series: Extract<Chart, { kind: 'curves' }>['series']): string {
  const entries = series.map(({ name, colour, dashed, scatter }) => {
    const line = scatter ? 'dotted' : dashed ? 'dashed' : 'solid';
    return `<li><span style="border-top:3px ${line} ${colourOf(colour)}"></span>${escapeXml(name)}</li>`;
  });
  return `<ul class="legend">${entries.join('')}</ul>`;
}

function commands({ command, rows }: Report): string {
  const lines = [command, ...rows.map((row) => row.command)].map(escapeXml);
  return `<pre tabindex="0">${lines.join('\n')}</pre>`;
}

function environment({ rows }: Report): string {
  const entries = environmentOf(rows).map(([name, text]) => `<dt>${escapeXml(name)}</dt><dd>${escapeXml(text)}</dd>`);
  return entries.length === 0 ? '<p>No run has begun.</p>' : `<dl>${entries.join('')}</dl>`;
}
