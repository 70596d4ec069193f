import { columns, textsOf } from '../report/cells.js';
import { type Report, tablesOf } from '../report/report.js';
import { table } from './table.js';

/** Columns that a terminal has room for; the page has all. */
const shown = columns.flatMap((name, i) => (['configuration', 'tokens/s'].includes(name) ? [] : [i]));
const numeric = shown.flatMap((_, place) => (place > 0 && place < shown.length - 1 ? [place] : []));

/** The tables of a report. */
export function resultTables(report: Report): string {
  return [...tablesOf(report.rows)]
    .map(([name, rows]) => {
      const head = shown.map((i) => columns[i]!);
      return `${name}\n${table(
        head,
        rows.map((row) => shown.map((i) => textsOf(row)[i]!)),
        { numeric },
      )}`;
    })
    .join('\n\n');
}
