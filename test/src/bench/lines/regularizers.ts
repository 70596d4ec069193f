import { firstEngine, languageSpec, trained } from '../bench.js';
import { byRound } from '../report.js';
import { type Contestant, interleave, rowOf } from '../rounds.js';
import type { Variant } from '../workload.js';
import type { LineProgram } from './line.js';

/** Per cent over the plain step, where there is a limit. */
const wanted = {
  noisin: 5,
  'gal-tied': 5,
  'gal-untied': 5,
  zoneout: 5,
  dropconnect: 5,
  dropout: undefined,
} as const satisfies Partial<Record<Variant, number | undefined>>;

export const regularizers: LineProgram = {
  title: 'what regularizers add to the time of a training step',
  async run(bench) {
    const engine = firstEngine(bench);
    const measured = Object.keys(wanted) as (keyof typeof wanted)[];
    const contestants: Contestant[] = [];
    for (const variant of ['plain', ...measured] as const)
      contestants.push(await trained(bench, engine, languageSpec(bench, bench.scale.regularizers, variant)));
    const rows = await interleave(contestants, bench, bench.progress);
    const plain = rowOf(rows, engine, 'plain')!;
    const findings = measured.map((variant) => ({
      what: `${variant} over plain`,
      unit: '%' as const,
      rounds: byRound(rowOf(rows, engine, variant)!, plain, (speed, plainSpeed) => 100 * (plainSpeed / speed - 1)),
      ...(wanted[variant] !== undefined && { wanted: { atMost: wanted[variant] } }),
    }));
    return { rows, findings };
  },
};
