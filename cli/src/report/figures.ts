import type { ReportFigure, ReportRow } from './report.js';

/** The papers' figures, as far as the runs have what they show. */
export function figuresOf(rows: readonly ReportRow[]): readonly ReportFigure[] {
  void rows;
  return [];
}
