import type { CheckpointName } from '../run-folder/checkpoint.js';
import { generateText } from '../trained.js';
import { abortOnInterrupt, exitInterrupted } from './interrupt.js';
import { type DataOptions, hostOptions } from './options.js';

export interface GenerateOptions extends DataOptions {
  readonly prompt: string;
  readonly length: number;
  readonly temperature: number;
  readonly seed: number;
  readonly checkpoint: CheckpointName;
  readonly backend?: string;
}

/** `rnnx generate RUN`: text on standard output, as it comes. */
export async function generateRun(path: string, options: GenerateOptions): Promise<number> {
  const interrupt = abortOnInterrupt();
  const { prompt, length, temperature, seed, checkpoint, backend } = options;
  try {
    const pieces = generateText(path, {
      ...hostOptions(options),
      prompt,
      length,
      temperature,
      seed,
      checkpoint,
      signal: interrupt.signal,
      ...(backend === undefined ? {} : { backend }),
    });
    for await (const piece of pieces) process.stdout.write(piece);
    process.stdout.write('\n');
    return interrupt.signal.aborted ? exitInterrupted : 0;
  } finally {
    interrupt.dispose();
  }
}
