import { readFile } from 'node:fs/promises';
import type { EpochEvent, Progress, StepEvent } from '@rnnx/core';
import { writeAtomically } from './files.js';

/** One line of `metrics.jsonl`. */
export type MetricsLine = (StepEvent | (EpochEvent & { readonly globalStep: number })) & { readonly time: string };

/**
 * Brings `metrics.jsonl` back to what a checkpoint knows: steps and epochs after it will come again. A last line that a
 * kill cut off is dropped too.
 */
export async function truncateMetrics(path: string, progress: Progress | undefined): Promise<void> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const kept = text.split('\n').filter((line) => {
    const event = parseLine(line);
    if (event === undefined || progress === undefined) return false;
    return event.type === 'step' ? event.globalStep <= progress.globalStep : event.epoch <= progress.epoch;
  });
  await writeAtomically(path, kept.map((line) => `${line}\n`).join(''));
}

function parseLine(line: string): MetricsLine | undefined {
  try {
    return JSON.parse(line) as MetricsLine;
  } catch {
    return undefined;
  }
}
