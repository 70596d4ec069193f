import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  type Dataset,
  type LanguageTask,
  type LoadContext,
  type PluginRef,
  PluginRegistry,
  RnnxError,
  type SplitName,
} from '@rnnx/core';
import datasets from '@rnnx/datasets';

const registry = new PluginRegistry(datasets);

/** Loads as a run would; offline, with a cache that does not exist, unless told otherwise. */
export function load(ref: PluginRef, context: Partial<LoadContext> = {}): Promise<Dataset> {
  const nowhere = join(tmpdir(), 'rnnx-no-cache');
  return registry.create('dataset', ref).load({ cacheDir: nowhere, offline: true, ...context });
}

/** Code, got, expected and remedy of what a promise rejects with; fails where it does not, or not with an RnnxError. */
export async function rejection(work: () => Promise<unknown>): Promise<RnnxError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof RnnxError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** A split as symbols. */
export function symbolsOf(dataset: Dataset, split: SplitName): string[] {
  const { vocabulary } = dataset.task as LanguageTask;
  return [...tokensOf(dataset, split)].map((token) => vocabulary.symbols[token]!);
}

export function tokensOf(dataset: Dataset, split: SplitName): Int32Array {
  const found = dataset.splits[split];
  if (found.kind !== 'tokens') throw new Error('not a token split');
  return found.tokens;
}

export function languageTaskOf(dataset: Dataset): LanguageTask {
  if (dataset.task.kind !== 'language-model') throw new Error('not a language task');
  return dataset.task;
}

/** A folder of its own for each test, removed afterwards. */
export function useFolder(): { path: string; write(files: Record<string, string | Uint8Array>): Promise<void> } {
  const folder = {
    path: '',
    async write(files: Record<string, string | Uint8Array>) {
      for (const [name, content] of Object.entries(files)) {
        await mkdir(dirname(join(folder.path, name)), { recursive: true });
        await writeFile(join(folder.path, name), content);
      }
    },
  };
  beforeEach(async () => {
    folder.path = await mkdtemp(join(tmpdir(), 'rnnx-data-'));
  });
  afterEach(() => rm(folder.path, { recursive: true, force: true }));
  return folder;
}
