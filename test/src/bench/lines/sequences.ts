import { type Bench, firstEngine, inPyTorch, trained, whereOf } from '../bench.js';
import { type Finding, type Row, ratio } from '../report.js';
import { interleave } from '../rounds.js';
import type { Spec } from '../workload.js';
import type { LineProgram } from './line.js';

export const music: LineProgram = {
  title: 'GRU and plain RNN at the size of the music study, beside PyTorch’s nn.GRU and nn.RNN',
  run: (bench) =>
    besidePyTorch(
      bench,
      (['gru', 'rnn'] as const).map((cell) => ({ ...bench.scale.music, cell })),
      { above: 1 },
    ),
};

export const recurrent: LineProgram = {
  title: 'batch-normalised LSTM and fast-dropout RNN, beside the same op by op in PyTorch',
  run: (bench) =>
    besidePyTorch(bench, [bench.scale.digits, { ...bench.scale.music, cell: 'fast-dropout' }], { atLeast: 2.5 }),
};

async function besidePyTorch(bench: Bench, specs: readonly Spec[], wanted: NonNullable<Finding['wanted']>) {
  const engine = firstEngine(bench);
  const rows: Row[] = [];
  const findings: Finding[] = [];
  for (const spec of specs) {
    const where = whereOf(spec);
    const contestants = [await trained(bench, engine, spec), ...inPyTorch(bench, spec)];
    const found = await interleave(contestants, bench, (text) => bench.progress(`${where}: ${text}`));
    rows.push(...found);
    const [ours, theirs] = found;
    if (theirs !== undefined)
      findings.push({
        what: `${engine} to PyTorch, ${where}, ${spec.variant}`,
        unit: 'times',
        rounds: ratio(ours!, theirs),
        wanted,
      });
  }
  return { rows, findings };
}
