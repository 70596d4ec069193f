import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  createRng,
  type Dataset,
  type ExperimentConfig,
  evaluate,
  generate,
  mergeConfig,
  type PluginRef,
  parseExperiment,
  RnnxError,
  restoreWeights,
  type Score,
  type SequenceModel,
  type SplitName,
} from '@rnnx/core';
import type { Tensor } from '@tensorflow/tfjs';
import { pluginSpecs } from './discovery/discover.js';
import { Host, type HostOptions, withDataDir } from './host.js';
import type { CheckpointName } from './run-folder/checkpoint.js';
import { checkIdentity, identify } from './run-folder/data-identity.js';
import { RunFolder } from './run-folder/run-folder.js';
import { createModel, disposeAll } from './train-run.js';

export interface TrainedOptions extends Omit<HostOptions, 'pluginFolder'> {
  /** Default `best`. */
  readonly checkpoint?: CheckpointName;
  /** In place of the run's own: what changes how a model is evaluated, not what it is. */
  readonly evaluation?: Partial<ExperimentConfig['evaluation']>;
  readonly regularizers?: readonly PluginRef[];
  readonly backend?: PluginRef;
}

/** A model with the weights of a checkpoint. */
export interface TrainedRun {
  readonly config: ExperimentConfig;
  readonly dataset: Dataset;
  readonly model: SequenceModel;
  readonly weights: Readonly<Record<string, Tensor>>;
  /** Epochs that the checkpoint has behind it. */
  readonly epoch: number;
  dispose(): Promise<void>;
}

/**
 * Opens the model of a run folder.
 *
 * Errors: RNNX_RUN_MISSING, RNNX_CHECKPOINT_MISSING, RNNX_CHECKPOINT_CORRUPT, RNNX_CHECKPOINT_MISMATCH, those of plugins,
 * data and backend.
 */
export async function openTrained(path: string, options: TrainedOptions = {}): Promise<TrainedRun> {
  const folder = new RunFolder(singleRun(path));
  const stored = (await folder.config()) as ExperimentConfig;
  const record = await folder.record();
  const { run, pluginFolder } = record;
  const snapshot = await folder.checkpoint(options.checkpoint ?? 'best');
  const host = await Host.open(pluginSpecs(stored.plugins), { ...withDataDir(options, record), pluginFolder });
  const { evaluation, regularizers, backend } = options;
  const config = parseExperiment(host.registry, mergeConfig(stored, { evaluation, regularizers, backend }));
  const { scope } = await host.openRun(config);
  try {
    const dataset = await host.dataset(config, scope);
    checkIdentity(record.dataset, identify(dataset), ['task'], folder.path);
    const model = createModel({ ...run, config }, scope, dataset);
    const weights = restoreWeights(snapshot);
    try {
      checkWeights(model, weights);
    } catch (error) {
      disposeAll(weights);
      throw error;
    }
    return {
      config,
      dataset,
      model,
      weights,
      epoch: snapshot.progress.epoch,
      dispose: async () => {
        disposeAll(weights);
        await scope.dispose();
      },
    };
  } catch (error) {
    await scope.dispose();
    throw error;
  }
}

function checkWeights(model: SequenceModel, weights: TrainedRun['weights']): void {
  for (const { name, shape } of model.specs) {
    const found = weights[name]?.shape;
    if (found === undefined || String(found) !== String(shape))
      throw new RnnxError('RNNX_CHECKPOINT_MISMATCH', `The checkpoint does not fit the model: "${name}"`, {
        got: found === undefined ? 'no such tensor' : `[${found}]`,
        expected: `[${shape}]`,
        remedy: 'use the data and regularizers with which the run was trained',
      });
  }
}

/** The folder of one run: this one, or the only one inside an experiment. Errors: RNNX_RUN_MISSING. */
export function singleRun(path: string): string {
  if (existsSync(join(path, 'config.json')) || !existsSync(join(path, 'experiment.json'))) return resolve(path);
  const runs = readdirSync(path).filter((name) => existsSync(join(path, name, 'config.json')));
  if (runs.length === 1) return resolve(path, runs[0]!);
  throw new RnnxError('RNNX_RUN_MISSING', `${path} holds ${runs.length} runs`, {
    got: path,
    expected: runs.length === 0 ? 'a run that has begun' : `one of ${runs.map((run) => join(path, run)).join(', ')}`,
    remedy: 'name the folder of one run',
  });
}

/**
 * Scores of splits. Random streams, where Monte Carlo evaluation uses any, are those of the run's own scores.
 *
 * Rejects with the signal's reason when it aborts.
 */
export async function scoreSplits(
  { model, weights, dataset, config, epoch }: TrainedRun,
  splits: readonly SplitName[],
  signal?: AbortSignal,
): Promise<Partial<Record<SplitName, Score>>> {
  const rng = createRng(config.seeds[0]!).stream('evaluate');
  const scores: Partial<Record<SplitName, Score>> = {};
  for (const name of splits) {
    const stream = rng.stream(name === 'valid' ? `epoch-${epoch}` : name);
    const options = { name, ...(signal && { signal }) };
    scores[name] = await evaluate(model, weights, dataset.splits[name], config.evaluation, stream, options);
  }
  return scores;
}

/** Opens a run, scores splits, closes it. */
export async function evaluateRun(
  path: string,
  splits: readonly SplitName[],
  options: TrainedOptions = {},
): Promise<Partial<Record<SplitName, Score>>> {
  const trained = await openTrained(path, options);
  try {
    return await scoreSplits(trained, splits, options.signal);
  } finally {
    await trained.dispose();
  }
}

export interface TextOptions extends TrainedOptions {
  readonly prompt?: string;
  /** Tokens to make. */
  readonly length: number;
  readonly temperature: number;
  readonly seed: number;
}

/** Samples text from a trained run, piece by piece, the prompt first. Errors: RNNX_TOKEN_UNKNOWN, RNNX_OPTION_INVALID. */
export async function* generateText(path: string, options: TextOptions): AsyncGenerator<string, void> {
  const trained = await openTrained(path, options);
  try {
    const { model, weights, dataset } = trained;
    const { task } = dataset;
    const { length, temperature, seed } = options;
    if (task.kind !== 'language-model')
      throw new RnnxError('RNNX_OPTION_INVALID', 'Only language models generate text', {
        got: `a model of ${task.kind}`,
        expected: 'a model of words or characters',
        remedy: 'name another run',
      });
    const prompt = task.tokenize(options.prompt ?? '');
    const tokens = [...prompt];
    let shown = '';
    const pieceOf = () => {
      const text = task.detokenize(tokens);
      const piece = text.startsWith(shown) ? text.slice(shown.length) : text;
      shown = text;
      return piece;
    };
    if (tokens.length > 0) yield pieceOf();
    for await (const token of generate(model, weights, { prompt, length, temperature, rng: createRng(seed) })) {
      if (options.signal?.aborted) return;
      tokens.push(token);
      yield pieceOf();
    }
  } finally {
    await trained.dispose();
  }
}
