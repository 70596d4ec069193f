import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../../checks/repository.js';
import { type Bench, firstEngine } from '../bench.js';
import { ratio } from '../report.js';
import { type Contestant, interleave } from '../rounds.js';
import type { LineProgram } from './line.js';

/** What `auto` takes where the native backend is not. */
const portable = 'wasm';

export const quickstart: LineProgram = {
  title: '`rnnx run --preset quickstart` from start to end, beside the portable backend',
  async run(bench) {
    const engine = firstEngine(bench);
    if (engine === portable)
      return { rows: [], findings: [], notes: ['Not measured: there is only the portable backend.'] };
    const contestants = [engine, portable].map((name): Contestant => {
      const measure = async () => seconds(name, bench);
      return { where: 'quickstart', engine: name, variant: 'three runs', unit: 's', measure };
    });
    const rows = await interleave(contestants, { rounds: Math.min(bench.rounds, 3) }, bench.progress);
    const rounds = ratio(rows[1]!, rows[0]!);
    return {
      rows,
      findings: [{ what: `${engine}, faster than ${portable}`, unit: 'times', rounds, wanted: { atLeast: 5 } }],
    };
  },
};

function seconds(engine: string, { scale, threads }: Bench): number {
  const folder = mkdtempSync(join(tmpdir(), 'rnnx-bench-'));
  try {
    const start = performance.now();
    const command = ['run', ...scale.quickstart, '--backend', engine, '--out', join(folder, 'run'), '--quiet'];
    const { status, stderr } = spawnSync(process.execPath, [`${root}cli/bin/rnnx.js`, ...command], {
      cwd: folder,
      env: { ...process.env, RNNX_THREADS: String(threads) },
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`rnnx ${command.join(' ')} ended with code ${status}: ${stderr}`);
    return (performance.now() - start) / 1000;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
