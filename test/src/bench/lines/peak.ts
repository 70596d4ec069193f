import { findAddon } from '@rnnx/backend-native';
import { languageSpec, trained, whereOf } from '../bench.js';
import { stepFlops } from '../flops.js';
import { byRound, type Finding, median, type Row } from '../report.js';
import { type Contestant, interleave, rate, rowOf, settled } from '../rounds.js';
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
        ...bench.scale.products.map((shape) => product(shape, bench.seconds, whereOf(spec))),
        { ...step, unit: 'GFLOP/s', measure: async () => ((await step.measure()) * flops) / 1e9 },
      ];
      const found = await interleave(contestants, bench, (text) => bench.progress(`2x${hidden}: ${text}`));
      rows.push(...found);
      // The fastest product is one shape, chosen once: the best of each round would be the one that the machine hindered least.
      const products = found.filter(({ variant }) => variant !== step.variant);
      const fastest = products.reduce((best, row) => (median(row.rounds) > median(best.rounds) ? row : best));
      const share = byRound(rowOf(found, 'native', 'plain')!, fastest, (of, to) => (100 * of) / to);
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

function product([m, n, k]: Shape, seconds: number, where: string): Contestant {
  const found = findAddon();
  if ('reason' in found) throw new Error(found.reason);
  const { addon } = found;
  const matrix = (size: number) => new Float32Array(size).fill(0.5);
  const [a, b, c] = [matrix(m * k), matrix(k * n), matrix(m * n)];
  const call = () => {
    addon.gemm(false, false, m, n, k, a, b, c, false);
    addon.waitForKernels();
  };
  return {
    where,
    engine: 'native',
    variant: `product ${m} x ${n} x ${k}`,
    unit: 'GFLOP/s',
    measure: async () => ((await settled((s) => rate(call, s), seconds)) * 2 * m * n * k) / 1e9,
  };
}

type Shape = readonly [m: number, n: number, k: number];
