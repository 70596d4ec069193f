import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Bench, firstEngine, languageSpec, whereOf } from '../bench.js';
import type { MemoryAnswer, MemoryRequest } from '../memory-process.js';
import { type Finding, type Row, ratio } from '../report.js';
import { type Contestant, interleave } from '../rounds.js';
import type { LineProgram } from './line.js';

/** Growth, in MB, that is still flat: code that V8 compiles late, pages that it and malloc keep in stock. */
const flat = 5;

export const memory: LineProgram = {
  title: 'peak resident memory of a fresh process that trains, and whether it stays flat',
  async run(bench) {
    const engine = firstEngine(bench);
    const rows: Row[] = [];
    const findings: Finding[] = [];
    for (const hidden of bench.sizes) {
      const spec = languageSpec(bench, hidden);
      const { pytorch, scale } = bench;
      const common = { where: whereOf(spec), variant: `peak in ${scale.memorySteps} steps`, unit: 'MB' };
      const contestants: Contestant[] = [
        {
          ...common,
          engine,
          measure: async () => fresh({ engine, spec, sampleAt: [scale.memorySteps] }, bench).peakMB,
        },
      ];
      if (pytorch !== undefined)
        contestants.push({
          ...common,
          engine: 'pytorch',
          measure: async () => pytorch.peakMemory(spec, scale.memorySteps),
        });
      const found = await interleave(contestants, { rounds: fewer(bench) }, (text) =>
        bench.progress(`2x${hidden}: ${text}`),
      );
      rows.push(...found);
      const [ours, theirs] = found;
      if (theirs !== undefined)
        findings.push({
          what: `${engine} to PyTorch, 2x${hidden}`,
          unit: 'times',
          rounds: ratio(ours!, theirs),
          wanted: { atMost: 1 },
        });
    }
    const grown = growth(bench, engine);
    return { rows: [...rows, ...grown.rows], findings: [...findings, ...grown.findings] };
  },
};

/** Processes differ little from each other in memory. */
function fewer({ rounds }: Bench): number {
  return Math.min(rounds, 3);
}

/** Memory at ten points of one long training of the smallest model: a leak grows from each to the next. */
function growth(bench: Bench, engine: string): { rows: Row[]; findings: Finding[] } {
  const [first, last] = bench.scale.flatSteps;
  const spec = languageSpec(bench, Math.min(...bench.scale.sizes)); // a thousand steps of another would take an hour
  const points = 10;
  const sampleAt = [
    ...new Set(Array.from({ length: points }, (_, i) => Math.round(first + ((last - first) * i) / (points - 1)))),
  ];
  bench.progress(`${last} steps in one process`);
  const { samples } = fresh({ engine, spec, sampleAt }, bench);
  const measured = {
    'resident (anonymous)': samples.map(({ residentMB }) => residentMB),
    'objects and arrays': samples.map(({ aliveMB }) => aliveMB),
  };
  const rows: Row[] = [];
  const findings: Finding[] = [];
  for (const [what, rounds] of Object.entries(measured)) {
    rows.push({ where: whereOf(spec), engine, variant: `${what}, step ${first} to ${last}`, unit: 'MB', rounds });
    const grown = rounds.at(-1)! - rounds[0]!;
    findings.push({
      what: `${what}: growth from step ${first} to ${last}`,
      unit: 'MB',
      rounds: [grown],
      wanted: { atMost: flat },
    });
  }
  return { rows, findings };
}

const program = fileURLToPath(new URL('../memory-process.js', import.meta.url));

function fresh(request: MemoryRequest, { threads }: Bench): MemoryAnswer {
  const answer = execFileSync(process.execPath, ['--expose-gc', program, JSON.stringify(request)], {
    env: { ...process.env, RNNX_THREADS: String(threads) },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(answer) as MemoryAnswer;
}
