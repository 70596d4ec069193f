import type { ExperimentConfig, SplitName } from '@rnnx/core';
import { applySet, usage } from '../config/set.js';
import type { CheckpointName } from '../run-folder/checkpoint.js';
import { RunFolder } from '../run-folder/run-folder.js';
import { count, metricLabels, number } from '../terminal/format.js';
import { table } from '../terminal/table.js';
import { openTrained, scoreSplits, singleRun, type TrainedOptions } from '../trained.js';
import { abortOnInterrupt, exitInterrupted } from './interrupt.js';
import { type DataOptions, hostOptions } from './options.js';

export interface EvalOptions extends DataOptions {
  readonly split: readonly SplitName[];
  readonly checkpoint: CheckpointName;
  readonly set: readonly string[];
  readonly backend?: string;
  readonly json?: boolean;
}

/** What may differ from training without making another model of it. */
const changeable = ['evaluation', 'regularizers'] as const;

/** `rnnx eval RUN`. */
export async function evalRun(path: string, options: EvalOptions): Promise<number> {
  const interrupt = abortOnInterrupt();
  try {
    const splits = options.split.length > 0 ? options.split : (['valid', 'test'] as const);
    const trained = await openTrained(path, {
      ...hostOptions(options),
      ...(await overrides(path, options.set)),
      checkpoint: options.checkpoint,
      signal: interrupt.signal,
      ...(options.backend === undefined ? {} : { backend: options.backend }),
    });
    try {
      const scores = await scoreSplits(trained, splits, interrupt.signal);
      if (options.json) process.stdout.write(`${JSON.stringify(scores)}\n`);
      else {
        const { metric } = trained.dataset.task;
        const rows = splits.map((split) => {
          const { nll, metric: value, count: predictions } = scores[split]!;
          return [split, number(value), number(nll), count(predictions)];
        });
        const head = ['split', metricLabels[metric], 'nats', 'predictions'];
        process.stdout.write(`${table(head, rows, { numeric: [1, 2, 3] })}\n`);
      }
      return 0;
    } finally {
      await trained.dispose();
    }
  } catch (error) {
    if (interrupt.signal.aborted && error === interrupt.signal.reason) return exitInterrupted;
    throw error;
  } finally {
    interrupt.dispose();
  }
}

async function overrides(
  path: string,
  assignments: readonly string[],
): Promise<Pick<TrainedOptions, 'evaluation' | 'regularizers'>> {
  if (assignments.length === 0) return {};
  for (const assignment of assignments) {
    const top = assignment.split(/[.=]/, 1)[0]!;
    if (!changeable.some((key) => key === top))
      throw usage(
        `eval cannot change ${top}`,
        assignment,
        `a setting below ${changeable.join(' or ')}`,
        'the rest belongs to the trained model; start a new run to change it',
      );
  }
  const config = assignments.reduce(applySet, await new RunFolder(singleRun(path)).config());
  const { evaluation, regularizers } = config as ExperimentConfig;
  return { evaluation, regularizers };
}
