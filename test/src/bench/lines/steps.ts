import { inPyTorch, languageSpec, trained } from '../bench.js';
import type { PyTorchSpec } from '../pytorch.js';
import { type Finding, type Row, ratio } from '../report.js';
import { type Contestant, interleave, rowOf } from '../rounds.js';
import type { Spec, Variant } from '../workload.js';
import type { LineProgram } from './line.js';

const measured = ['plain', 'noisin', 'dropout'] as const satisfies readonly Variant[];

/** Times PyTorch's speed, on two threads. */
export const stepsWanted: Readonly<Record<number, Readonly<Partial<Record<Variant, number>>>>> = {
  200: { plain: 1.6, noisin: 2.1 },
  650: { plain: 1.9, noisin: 2.5 },
  1500: { plain: 3.5, noisin: 6 },
};

/** PyTorch's programs of a variant: NOISIN has no layer of torch's, so that how it is written makes a difference. */
const pytorchPrograms = (spec: Spec): Readonly<Record<string, PyTorchSpec>> =>
  spec.variant === 'noisin'
    ? { 'noisin, hand-tuned': spec, 'noisin, as commonly written (nn.LSTMCell)': { ...spec, program: 'cells' } }
    : { [spec.variant]: spec };

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
      for (const variant of measured)
        for (const [name, spec] of Object.entries(pytorchPrograms(languageSpec(bench, hidden, variant))))
          contestants.push(...inPyTorch(bench, spec, name));
      const found = await interleave(contestants, bench, (text) => bench.progress(`2x${hidden}: ${text}`));
      rows.push(...found);
      for (const engine of bench.engines.keys())
        for (const variant of measured)
          for (const name of Object.keys(pytorchPrograms(languageSpec(bench, hidden, variant)))) {
            const pytorch = rowOf(found, 'pytorch', name);
            if (pytorch === undefined) continue;
            const least = engine === 'native' ? stepsWanted[hidden]?.[variant] : undefined;
            findings.push({
              what: `${engine} to PyTorch, ${name}, 2x${hidden}`,
              unit: 'times',
              rounds: ratio(rowOf(found, engine, variant)!, pytorch),
              ...(least !== undefined && { wanted: { atLeast: least } }),
            });
          }
    }
    return { rows, findings, notes: ['The ratios wanted are for two threads.'] };
  },
};
