import { resolve } from 'node:path';
import type { Preset } from '@rnnx/presets';
import { assembleConfig } from '../config/assemble.js';
import { lookUpPreset } from '../config/presets.js';
import { usage } from '../config/set.js';
import type { ExperimentEvent, RunResult } from '../events.js';
import { resumeExperiment, runExperiment } from '../experiment.js';
import { ExperimentFolder } from '../run-folder/experiment-folder.js';
import { comparePublished, renderComparison, summarize } from '../terminal/comparison.js';
import { createReporter, type Reporter, silent } from '../terminal/progress.js';
import { abortOnInterrupt, exitInterrupted } from './interrupt.js';
import { type DataOptions, hostOptions } from './options.js';

export interface RunOptions extends DataOptions {
  readonly preset?: string;
  readonly config?: string;
  readonly set: readonly string[];
  readonly seed: readonly number[];
  readonly backend?: string;
  readonly out?: string;
  readonly resume?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** `rnnx run`. Returns the exit code. */
export async function run(options: RunOptions): Promise<number> {
  const interrupt = abortOnInterrupt();
  const reporter = options.json || options.quiet ? silent : createReporter(process.stderr);
  try {
    const { events, preset, changes } = await begin(options, interrupt.signal, reporter);
    let folder: string | null = null;
    for await (const event of events) {
      if (event.type === 'plan') folder = event.folder;
      if (options.json) printJson(event);
      reporter.event(event);
      if (event.type !== 'done') continue;
      reporter.stop();
      report(event.results, preset, changes, options.json === true);
      if (event.aborted) {
        process.stderr.write(`stopped; go on with: rnnx run --resume ${quoted(folder!)}\n`);
        return exitInterrupted;
      }
    }
    return 0;
  } finally {
    reporter.stop();
    interrupt.dispose();
  }
}

interface Begun {
  readonly events: AsyncGenerator<ExperimentEvent, readonly RunResult[]>;
  readonly preset: Preset | undefined;
  readonly changes: readonly string[];
}

async function begin(options: RunOptions, signal: AbortSignal, reporter: Reporter): Promise<Begun> {
  const host = { ...hostOptions(options), signal, onDownload: reporter.download.bind(reporter) };
  if (options.resume !== undefined) {
    refuseWithResume(options);
    const path = resolve(options.resume);
    const { record } = await ExperimentFolder.open(ExperimentFolder.parentOf(path)?.experiment ?? path);
    const preset = record.preset === null ? undefined : lookUpPreset(record.preset);
    return { events: resumeExperiment(path, host), preset, changes: [] };
  }
  const { input, preset, pluginFolder, changes } = await assembleConfig(options, process.cwd());
  const out = options.out === undefined ? { parent: resolve('runs') } : { folder: resolve(options.out) };
  const events = runExperiment(input, {
    ...host,
    pluginFolder,
    out,
    estimate: reporter !== silent,
    ...(preset && { preset: preset.name }),
  });
  return { events, preset, changes };
}

/** For a shell, where the path needs it. */
function quoted(path: string): string {
  return /^[\w./:\\-]+$/.test(path) ? path : JSON.stringify(path);
}

/** A resumed run must stay what it was. */
function refuseWithResume(options: RunOptions): void {
  const given = (['preset', 'config', 'backend', 'out'] as const).filter((name) => options[name] !== undefined);
  const names = [...given, ...(['set', 'seed'] as const).filter((name) => options[name].length > 0)];
  if (names.length > 0)
    throw usage(
      '--resume goes on with a run as it is',
      `--resume together with ${names.map((name) => `--${name}`).join(', ')}`,
      '--resume alone',
      'start a new run to change settings',
    );
}

function printJson(event: object): void {
  process.stdout.write(`${JSON.stringify(event, (key, value) => (key === 'snapshot' ? undefined : value))}\n`);
}

function report(
  results: readonly RunResult[],
  preset: Preset | undefined,
  changes: readonly string[],
  json: boolean,
): void {
  const published = preset?.published ?? [];
  if (json) {
    const rows = summarize(results);
    printJson({ type: 'comparison', rows, published: comparePublished(rows, published), changes });
    return;
  }
  const { paper } = preset ?? {};
  const source = paper && `${paper.title}, ${paper.table}: ${paper.row}`;
  process.stdout.write(`\n${renderComparison(results, published, source)}\n`);
  if (preset !== undefined && changes.length > 0)
    process.stdout.write(`\nsettings that differ from ${preset.name}: ${changes.join(', ')}\n`);
}
