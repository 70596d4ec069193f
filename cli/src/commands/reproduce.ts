import { join, relative, resolve } from 'node:path';
import { createTableProgress } from '../reproduce/progress.js';
import { reproduce } from '../reproduce/reproduce.js';
import { resultTables } from '../terminal/report.js';
import { abortOnInterrupt, exitInterrupted } from './interrupt.js';
import { type DataOptions, hostOptions } from './options.js';

export interface ReproduceCommandOptions extends DataOptions {
  readonly rows?: string;
  readonly seeds: number;
  readonly budget?: number;
  readonly rowBudget?: number;
  readonly search?: number;
  readonly jobs: number;
  readonly out?: string;
  readonly backend?: string;
  readonly epochs?: number;
}

/** `rnnx reproduce PAPER`. */
export async function reproducePaper(paper: string, options: ReproduceCommandOptions): Promise<number> {
  const interrupt = abortOnInterrupt();
  const progress = createTableProgress(process.stderr);
  try {
    const { out = join('reproductions', paper), ...rest } = options;
    const settings = { ...rest, ...hostOptions(options), paper, out: resolve(out), signal: interrupt.signal };
    const command = ['npx rnnx', ...process.argv.slice(2)].join(' ');
    const { report, html, markdown, stopped, failed } = await reproduce({ ...settings, command }, progress);
    progress.stop();
    process.stdout.write(
      `\n${resultTables(report)}\n\n${relative(process.cwd(), html)}\n${relative(process.cwd(), markdown)}\n`,
    );
    if (stopped) process.stderr.write('stopped; the same command goes on\n');
    if (interrupt.signal.aborted) return exitInterrupted;
    return failed > 0 ? 1 : 0;
  } finally {
    progress.stop();
    interrupt.dispose();
  }
}
