import { findAddon } from '@rnnx/backend-native';
import { languageSpec, trained, whereOf } from '../bench.js';
import { stepFlops } from '../flops.js';
import { byRound, type Finding, type Row } from '../report.js';
import { type Contestant, interleave, rate, rowOf } from '../rounds.js';
import type { LineProgram } from './line.js';

/** Per cent of the peak. */
export const peakWanted: Readonly<Record<number, number>> = { 200: 78, 650: 85, 1500: 85 };

export const peak: LineProgram = {
  title: 'share of the matrix product’s peak that whole training steps reach',
  async run(bench) {
    const native = bench.engines.has('native');
    if (!native)
      return { rows: [], findings: [], notes: ['Not measured: the native backend was not asked for or is not here.'] };
    const rows: Row[] = [];
    const findings: Finding[] = [];
    for (const hidden of bench.sizes) {
      const spec = languageSpec(bench, hidden);
      const step = await trained(bench, 'native', spec);
      const flops = stepFlops(spec) / (spec.steps * spec.batch); // a token
      const contestants: Contestant[] = [
        product(bench.scale.products, bench.seconds, whereOf(spec)),
        { ...step, unit: 'GFLOP/s', measure: async () => ((await step.measure()) * flops) / 1e9 },
      ];
      const found = await interleave(contestants, bench.rounds, (text) => bench.progress(`2x${hidden}: ${text}`));
      rows.push(...found);
      const share = byRound(
        rowOf(found, 'native', 'plain')!,
        rowOf(found, 'native', 'GEMM')!,
        (of, to) => (100 * of) / to,
      );
      const least = peakWanted[hidden];
      findings.push({
        what: `of the peak, 2x${hidden}`,
        unit: '%',
        rounds: share,
        ...(least !== undefined && { wanted: { atLeast: least } }),
      });
    }
    return { rows, findings };
  },
};

/** The fastest of the shapes, each for its part of the time, in the order of the round. */
function product(shapes: LineShapes, seconds: number, where: string): Contestant {
  const found = findAddon();
  if ('reason' in found) throw new Error(found.reason);
  const { addon } = found;
  const most = (size: (shape: LineShapes[number]) => number) =>
    new Float32Array(Math.max(...shapes.map(size))).fill(0.5);
  const [a, b, c] = [most(([m, , k]) => m * k), most(([, n, k]) => k * n), most(([m, n]) => m * n)];
  return {
    where,
    engine: 'native',
    variant: 'GEMM',
    unit: 'GFLOP/s',
    async measure() {
      let best = 0;
      for (const [m, n, k] of shapes) {
        const calls = await rate(() => {
          addon.gemm(false, false, m, n, k, a, b, c, false);
          addon.waitForKernels();
        }, seconds / shapes.length);
        best = Math.max(best, (2 * m * n * k * calls) / 1e9);
      }
      return best;
    },
  };
}

type LineShapes = readonly (readonly [m: number, n: number, k: number])[];
