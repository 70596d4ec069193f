import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AnyPlugin, Dataset, DatasetProvider, LoadContext, Split } from '@rnnx/core';
import { refusalOf } from '../common/refusal.js';
import { Subject } from '../subject.js';
import type { DatasetCase, DatasetClaims } from './claims.js';

/** A data set under test. Loads are not shared between invariants. */
export class DatasetSubject extends Subject<'dataset', DatasetCase> {
  declare readonly claims: DatasetClaims;

  constructor(plugin: AnyPlugin, claims: DatasetClaims) {
    super('dataset', plugin, claims);
  }

  context(at: DatasetCase): LoadContext {
    return { cacheDir: join(tmpdir(), 'rnnx-kit-no-cache'), offline: true, ...this.claims.context, ...at.context };
  }

  load(at: DatasetCase, instance: DatasetProvider = this.create(at.options)): Promise<Dataset> {
    return instance.load(this.context(at));
  }

  async exercise(instance: DatasetProvider, at: DatasetCase): Promise<void> {
    await this.load(at, instance);
  }

  /** A refusal of the data, such as a wrong checksum, is behaviour too. */
  async fingerprint(at: DatasetCase): Promise<string> {
    let print = '';
    const error = await refusalOf(async () => {
      print = describe(await this.load(at));
    });
    return error === undefined ? print : `${error.code} ${error.message}`;
  }
}

/** Everything in a data set, as text. */
export function describe({ name, task, splits, floor, notes }: Dataset): string {
  const vocabulary = 'vocabulary' in task ? task.vocabulary.symbols : undefined;
  const contents = Object.entries(splits).map(([split, content]) => {
    const drawn = content.kind === 'cloze' && [content.withReplacement, content.shuffleEntities].map(Boolean);
    return [split, hash(content), ...(drawn || [])];
  });
  return JSON.stringify([name, { ...task, vocabulary }, contents, floor, notes]);
}

function partsOf(split: Split): readonly (Int32Array | Float32Array)[] {
  switch (split.kind) {
    case 'tokens':
      return [split.tokens];
    case 'frames':
      return split.sequences;
    case 'labelled':
      return [...split.sequences, split.labels];
    case 'cloze':
      return split.examples.flatMap(({ passage, question, answer }) => [passage, question, Int32Array.of(answer)]);
  }
}

function hash(split: Split): string {
  const sha = createHash('sha256');
  const parts = partsOf(split);
  for (const part of parts)
    sha.update(`${part.length}:`).update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  return sha.digest('hex');
}
