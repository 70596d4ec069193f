import { firstEngine, languageSpec, trained } from '../bench.js';
import { byRound } from '../report.js';
import { interleave } from '../rounds.js';
import type { LineProgram } from './line.js';

export const cells: LineProgram = {
  title: 'the same LSTM as a plugin author writes it, operation by operation, beside the fused one',
  async run(bench) {
    const engine = firstEngine(bench);
    const spec = languageSpec(bench, bench.scale.regularizers);
    const contestants = [
      await trained(bench, engine, spec, 'fused'),
      await trained(bench, engine, { ...spec, composed: true }, 'op by op'),
    ];
    const rows = await interleave(contestants, bench, bench.progress);
    const rounds = byRound(rows[1]!, rows[0]!, (composed, fused) => (100 * composed) / fused);
    return { rows, findings: [{ what: 'op by op, of the fused speed', unit: '%', rounds, wanted: { atLeast: 50 } }] };
  },
};
