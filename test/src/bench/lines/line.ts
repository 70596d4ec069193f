import type { Bench } from '../bench.js';
import type { Line } from '../report.js';

/** One line of the benchmark: what `--lines` names. */
export interface LineProgram {
  readonly title: string;
  run(bench: Bench): Promise<Pick<Line, 'rows' | 'findings'> & { readonly notes?: readonly string[] }>;
}
