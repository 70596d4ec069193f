import { inPyTorch, languageSpec, trained } from '../bench.js';
import { type Finding, type Row, ratio } from '../report.js';
import { type Contestant, interleave, rowOf } from '../rounds.js';
import type { Variant } from '../workload.js';
import type { LineProgram } from './line.js';

const measured = ['plain', 'noisin', 'dropout'] as const satisfies readonly Variant[];

/** Times PyTorch's speed, on two threads. */
export const stepsWanted: Readonly<Record<number, Readonly<Partial<Record<Variant, number>>>>> = {
  200: { plain: 1.6, noisin: 2.1 },
  650: { plain: 1.9, noisin: 2.5 },
  1500: { plain: 3.5, noisin: 6 },
};

export const steps: LineProgram = {
  title: 'training steps of LSTM language models (forward, backward, clip, SGD)',
  async run(bench) {
    const rows: Row[] = [];
    const findings: Finding[] = [];
    for (const hidden of bench.sizes) {
      const contestants: Contestant[] = [];
      for (const engine of bench.engines.keys())
        for (const variant of measured)
          contestants.push(await trained(bench, engine, languageSpec(bench, hidden, variant)));
      for (const variant of measured) contestants.push(...inPyTorch(bench, languageSpec(bench, hidden, variant)));
      const found = await interleave(contestants, bench.rounds, (text) => bench.progress(`2x${hidden}: ${text}`));
      rows.push(...found);
      for (const engine of bench.engines.keys())
        for (const variant of measured) {
          const pytorch = rowOf(found, 'pytorch', variant);
          if (pytorch === undefined) continue;
          const least = engine === 'native' ? stepsWanted[hidden]?.[variant] : undefined;
          findings.push({
            what: `${engine} to PyTorch, ${variant}, 2x${hidden}`,
            unit: 'times',
            rounds: ratio(rowOf(found, engine, variant)!, pytorch),
            ...(least !== undefined && { wanted: { atLeast: least } }),
          });
        }
    }
    return { rows, findings, notes: ['The ratios wanted are for two threads.'] };
  },
};
