import type { Choice } from '@rnnx/presets';
import type { ReportRow } from './report.js';

/** What presets decide where their paper is silent, so that a table says each thing once. */
export interface TableChoices {
  /** Those that all rows of a table share. */
  readonly common: readonly Choice[];
  /** The rest, row by row in the order of the rows. */
  readonly own: readonly (readonly Choice[])[];
}

/** A single row shares nothing: all of its choices are its own. */
export function choicesOf(rows: readonly ReportRow[]): TableChoices {
  const each = rows.map(({ choices = [] }) => choices);
  const [first = [], ...others] = each;
  const has = (choices: readonly Choice[], wanted: Choice) => choices.some((choice) => same(choice, wanted));
  const common = others.length === 0 ? [] : first.filter((choice) => others.every((row) => has(row, choice)));
  return { common, own: each.map((choices) => choices.filter((choice) => !has(common, choice))) };
}

function same(a: Choice, b: Choice): boolean {
  return a.name === b.name && a.text === b.text;
}
