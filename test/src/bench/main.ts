import { writeFileSync } from 'node:fs';
import type { Bench } from './bench.js';
import { availableEngines, threadCount } from './engines.js';
import { runLine } from './lines/index.js';
import { type BenchOptions, parseOptions, usage } from './options.js';
import { startPyTorch } from './pytorch.js';
import { json, type Line, machine, markdown, noPyTorch, type Report } from './report.js';

const notice = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

async function run({ lines, sizes, rounds, seconds, total, backends, scale, ...options }: BenchOptions): Promise<void> {
  const engines = await availableEngines(backends, notice);
  const threads = threadCount();
  const pytorch = await startPyTorch(threads);
  if (pytorch === undefined) notice(`pytorch: ${noPyTorch}`);
  const bench: Bench = { rounds, seconds, total, scale, sizes, engines, pytorch, threads, progress: notice };
  const about = machine(threads, pytorch?.version);
  const done: Line[] = [];
  const settings = {
    rounds: `at least ${rounds}, interleaved, and until each contestant had ${total} s`,
    'seconds of a measurement': `at least ${seconds}`,
    ...(!scale.judged && { sizes: 'tiny: the figures mean nothing' }),
  };
  const report: Report = { machine: about, settings, lines: done };
  try {
    for (const name of lines) {
      done.push(await runLine(name, bench));
      // What is done is not lost where a later line fails.
      if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(json(report), null, 2)}\n`);
      if (options.markdown !== undefined) writeFileSync(options.markdown, markdown(report));
    }
  } finally {
    pytorch?.close();
    console.log(markdown(report));
  }
}

/** `undefined`: there is nothing to run. */
function wanted(): BenchOptions | undefined {
  try {
    const options = parseOptions(process.argv.slice(2));
    if (options === undefined) console.log(usage);
    return options;
  } catch (error) {
    notice(`${(error as Error).message}\n${usage}`);
    process.exitCode = 2;
    return undefined;
  }
}

const options = wanted();
if (options !== undefined) await run(options);
