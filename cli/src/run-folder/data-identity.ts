import { createHash, type Hash } from 'node:crypto';
import { type Dataset, RnnxError, type Split, type Task } from '@rnnx/core';

/** What tells one data set from another, wherever its files lie. SHA-256 in hexadecimal digits. */
export interface DataIdentity {
  readonly name: string;
  /** Sources, checksums, licences. */
  readonly notes: readonly string[];
  /** Of the vocabulary and all else that fixes what the model's numbers mean. */
  readonly task: string;
  /** Of every split. */
  readonly splits: string;
}

export function identify({ name, notes, task, splits }: Dataset): DataIdentity {
  const all = createHash('sha256');
  for (const split of ['train', 'valid', 'test'] as const) addSplit(all, splits[split]);
  return { name, notes, task: hashTask(task), splits: all.digest('hex') };
}

function hashTask(task: Task): string {
  return createHash('sha256')
    .update(JSON.stringify([task.kind, task.metric, ...meaningOf(task)]))
    .digest('hex');
}

function meaningOf(task: Task): readonly unknown[] {
  switch (task.kind) {
    case 'language-model':
      return [task.unit, task.start, task.vocabulary.symbols];
    case 'frames':
      return [task.size, task.likelihood];
    case 'classification':
      return [task.size, task.classes];
    case 'cloze':
      return [task.vocabulary.symbols, task.entities, task.answers];
  }
}

function addSplit(hash: Hash, split: Split): void {
  const add = (values: Int32Array | Float32Array) => {
    hash.update(`${values.length};`);
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  };
  switch (split.kind) {
    case 'tokens':
      add(split.tokens);
      break;
    case 'frames':
      hash.update(`${split.padding ?? 'end'};${split.sequences.length};`);
      split.sequences.forEach(add);
      break;
    case 'labelled':
      hash.update(`labelled;${split.sequences.length};`);
      split.sequences.forEach(add);
      add(split.labels);
      break;
    case 'cloze':
      hash.update(
        `cloze;${split.examples.length};${split.withReplacement ?? false};${split.shuffleEntities ?? false};`,
      );
      for (const { passage, question, answer } of split.examples) {
        add(passage);
        add(question);
        hash.update(`${answer};`);
      }
  }
}

/**
 * Errors: RNNX_CHECKPOINT_MISMATCH if a run was made with other data.
 *
 * @param parts what has to agree: a model is evaluated on any text of its vocabulary, but goes on with the same splits only
 */
export function checkIdentity(
  made: DataIdentity,
  found: DataIdentity,
  parts: readonly ('task' | 'splits')[],
  folder: string,
): void {
  const differing = parts.find((part) => made[part] !== found[part]);
  if (differing === undefined) return;
  const what = differing === 'task' ? 'vocabulary' : 'tokens or frames';
  throw new RnnxError('RNNX_CHECKPOINT_MISMATCH', `The run in ${folder} was made with other data`, {
    got: `${found.name} with other ${what}: ${found.notes.join('; ')}`,
    expected: `${made.name}: ${made.notes.join('; ')}`,
    remedy: 'give the same data (--data-dir), or start a new run',
  });
}
