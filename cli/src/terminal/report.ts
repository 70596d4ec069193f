import { resultTable } from '../report/cells.js';
import { type Report, tablesOf } from '../report/report.js';
import { bestFirst, shownOfSearch } from '../report/search.js';
import { table } from './table.js';

/** Columns that the page has room for, and a terminal has not. */
const left: readonly string[] = ['configuration', 'tokens/s'];

/** The tables of a report; of a search its best settings. */
export function resultTables(report: Report): string {
  const shown = (rows: Report['rows']) => (rows[0]!.search ? bestFirst(rows).slice(0, shownOfSearch) : rows);
  return [...tablesOf(report.rows)].map(([name, rows]) => `${name}\n${oneTable(shown(rows))}`).join('\n\n');
}

function oneTable(rows: Report['rows']): string {
  const { head, body } = resultTable(rows);
  const shown = head.flatMap((column, i) => (left.includes(column) ? [] : [i]));
  const pick = (cells: readonly string[]) => shown.map((i) => cells[i]!);
  const numeric = shown.flatMap((_, place) => (place > 0 && place < shown.length - 1 ? [place] : []));
  return table(pick(head), body.map(pick), { numeric });
}
