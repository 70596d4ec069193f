import Table from 'cli-table3';
import colors from 'picocolors';

const plain = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/**
 * Columns without lines.
 *
 * @param numeric indices of columns to align right
 * @param width of the last column, wrapped at words; without it nothing wraps
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { numeric = [], width }: { readonly numeric?: readonly number[]; readonly width?: number } = {},
): string {
  const colAligns = head.map((_, column) => (numeric.includes(column) ? ('right' as const) : ('left' as const)));
  const grid = new Table({
    head: head.map((text) => colors.bold(text)),
    chars: plain,
    colAligns,
    ...(width === undefined
      ? {}
      : { colWidths: head.map((_, i) => (i === head.length - 1 ? width : null)), wordWrap: true }),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  grid.push(...rows.map((row) => [...row]));
  return grid
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
