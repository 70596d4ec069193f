import { fallbacks, resetFallbacks } from '@rnnx/backend-native';
import type { Bench } from '../bench.js';
import type { Line } from '../report.js';
import { cells } from './cells.js';
import type { LineProgram } from './line.js';
import { memory } from './memory.js';
import { peak } from './peak.js';
import { quickstart } from './quickstart.js';
import { regularizers } from './regularizers.js';
import { music, recurrent } from './sequences.js';
import { steps } from './steps.js';

/** By the names that `--lines` takes, in the order in which they run. */
export const programs = {
  steps,
  peak,
  regularizers,
  cells,
  music,
  recurrent,
  memory,
  quickstart,
} as const satisfies Record<string, LineProgram>;

export type LineName = keyof typeof programs;

export async function runLine(name: LineName, bench: Bench): Promise<Line> {
  const program: LineProgram = programs[name];
  resetFallbacks();
  const {
    rows,
    findings,
    notes = [],
  } = await program.run({
    ...bench,
    progress: (text) => bench.progress(`${name}: ${text}`),
  });
  const judged = bench.scale.judged ? findings : findings.map(({ wanted: _, ...finding }) => finding);
  return { name, title: program.title, rows, findings: judged, notes, fallbacks: fallbacks() };
}
