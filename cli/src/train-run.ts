import {
  Cell,
  createRng,
  createSequenceModel,
  type Dataset,
  type EndEvent,
  evaluate,
  type PlannedRun,
  restoreWeights,
  type Score,
  type SequenceModel,
  type Snapshot,
  type SplitName,
  train,
} from '@rnnx/core';
import type { Tensor } from '@tensorflow/tfjs';
import type { RunScope } from './container.js';
import { countParameters, estimateRun } from './estimate.js';
import type { ExperimentEvent, RunId, RunResult } from './events.js';
import type { Host } from './host.js';
import { checkMemory, explainAllocation } from './memory.js';
import { identify } from './run-folder/data-identity.js';
import { describeEnvironment } from './run-folder/environment.js';
import type { RunFolder } from './run-folder/run-folder.js';

/**
 * One run from start, or from its folder's last checkpoint, to its result.
 *
 * @param folder where files are written; without it the best weights are kept in memory
 * @param withEstimate tells first what it will take, which a few steps measure
 * @returns the result, or `undefined` if the signal stopped it
 */
export async function* trainRun(
  host: Host,
  planned: PlannedRun,
  folder: RunFolder | undefined,
  signal: AbortSignal | undefined,
  withEstimate = false,
): AsyncGenerator<ExperimentEvent, RunResult | undefined> {
  const { config, seed } = planned;
  const run: RunId = { variant: planned.variant, seed };
  const began = performance.now();
  const { scope, backend } = await host.openRun(config);
  try {
    const dataset = await host.dataset(config, scope);
    const model = createModel(planned, scope, dataset);
    const parameters = countParameters(model);
    checkMemory(parameters);
    const estimate = withEstimate ? await estimateRun(model, dataset, config) : undefined;
    const environment = await describeEnvironment(host.origins.values(), backend);
    const { pluginFolder, dataDir } = host;
    const resume = await folder?.open(config, { run, pluginFolder, dataDir, dataset: identify(dataset) }, environment);
    yield {
      type: 'start',
      run,
      epochs: config.training.epochs,
      metric: dataset.task.metric,
      parameters,
      backend,
      dataset: dataset.name,
      notes: dataset.notes,
      ...(estimate && { estimate }),
      resumedAt: resume ? { epoch: resume.progress.epoch, step: resume.progress.step } : null,
    };

    let end: EndEvent | undefined;
    let best: Snapshot | undefined;
    let bestScore: Score | undefined;
    const { training, evaluation } = config;
    const options = { ...(signal && { signal }), ...(resume && { resume }) };
    for await (const event of train({ model, dataset, training, evaluation, seed }, options)) {
      if (event.type === 'epoch' && event.best) bestScore = event.valid;
      if (event.type === 'checkpoint' && event.best && folder === undefined) best = event.snapshot;
      if (event.type === 'end') end = event;
      await folder?.write(event);
      yield { ...event, run };
    }
    if (end === undefined || end.reason === 'aborted') return undefined;

    const weights = restoreWeights(best ?? (await folder!.checkpoint('best')));
    const score = (split: SplitName, stream: string) =>
      evaluate(model, weights, dataset.splits[split], evaluation, createRng(seed).stream('evaluate').stream(stream), {
        name: split,
        ...(signal && { signal }),
      });
    try {
      yield { type: 'scoring', run, split: 'test' };
      const result: RunResult = {
        ...run,
        metric: dataset.task.metric,
        scores: {
          // Known unless the best epoch was before a resumption; the stream is the one of that epoch.
          valid: bestScore ?? (await score('valid', `epoch-${end.bestEpoch}`)),
          test: await score('test', 'test'),
        },
        reason: end.reason,
        epochs: end.epochs,
        bestEpoch: end.bestEpoch,
        parameters,
        backend,
        ...(dataset.floor && { floor: dataset.floor }),
        seconds: (performance.now() - began) / 1000,
      };
      await folder?.finish(result);
      return result;
    } finally {
      disposeAll(weights);
    }
  } catch (error) {
    throw explainAllocation(error);
  } finally {
    folder?.close();
    await scope.dispose();
  }
}

/** The model of a run's configuration over a data set. */
export function createModel({ config }: Pick<PlannedRun, 'config'>, scope: RunScope, dataset: Dataset): SequenceModel {
  return createSequenceModel({
    config: config.model,
    task: dataset.task,
    cell: scope.resolve(Cell),
    regularizers: scope.regularizers(),
  });
}

export function disposeAll(weights: Readonly<Record<string, Tensor>>): void {
  for (const weight of Object.values(weights)) weight.dispose();
}
