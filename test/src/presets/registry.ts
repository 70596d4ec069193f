import { plugins as batchNorm } from '@rnnx/batch-norm-lstm';
import { plugins as cells } from '@rnnx/cells';
import {
  createSequenceModel,
  type ExperimentConfig,
  expandVariants,
  PluginRegistry,
  parseExperiment,
  type SequenceModel,
  type Task,
} from '@rnnx/core';
import { plugins as datasets } from '@rnnx/datasets';
import { plugins as distributions } from '@rnnx/distributions';
import { plugins as dropconnect } from '@rnnx/dropconnect';
import { plugins as dropout } from '@rnnx/dropout';
import { plugins as fastDropout } from '@rnnx/fast-dropout';
import { plugins as galDropout } from '@rnnx/gal-dropout';
import { plugins as noisin } from '@rnnx/noisin';
import { type Preset, presets } from '@rnnx/presets';
import { plugins as tikhonov } from '@rnnx/tikhonov';
import { plugins as weightNoise } from '@rnnx/weight-noise';
import { clozeTask } from '../support/cloze.js';
import { wordTask } from '../support/models.js';

export const registry = new PluginRegistry([
  ...cells,
  ...datasets,
  ...distributions,
  ...dropout,
  ...noisin,
  ...galDropout,
  ...batchNorm,
  ...fastDropout,
  ...tikhonov,
  ...weightNoise,
  ...dropconnect,
]);

/** Every run of a preset, complete with defaults. */
export function parsed(preset: Preset): readonly ExperimentConfig[] {
  return expandVariants(registry, parseExperiment(registry, preset.config)).map(({ config }) => config);
}

export function presetNamed(name: string): Preset {
  const preset = presets.find((candidate) => candidate.name === name);
  if (preset === undefined) throw new Error(`no preset is called ${name}`);
  return preset;
}

const vocabularies: Readonly<Record<string, number>> = {
  grammar: 24,
  ptb: 10_000,
  'wikitext-2': 33_278,
  'ptb-char': 50,
  text8: 27,
};

/** A task of the sizes of the data set, without reading it. */
function taskOf(dataset: string): Task {
  const size = vocabularies[dataset];
  if (size !== undefined) return wordTask(size);
  if (dataset === 'cnn-qa') return clozeTask({ vocabulary: 65_829, answers: 600 });
  if (dataset === 'synthetic-cloze') return clozeTask({ vocabulary: 16, answers: 5 });
  if (dataset !== 'sequential-mnist')
    return { kind: 'frames', size: 88, likelihood: 'bernoulli', metric: 'nll-per-step' };
  return { kind: 'classification', size: 1, classes: [...'0123456789'], metric: 'error-rate' };
}

/** The network; nothing is allocated. */
export function modelOf({ dataset, model, regularizers }: ExperimentConfig): SequenceModel {
  return createSequenceModel({
    config: model,
    task: taskOf((dataset as { name: string }).name),
    cell: registry.create('cell', model.cell),
    regularizers: regularizers.map((ref) => ({
      name: (ref as { name: string }).name,
      regularizer: registry.create('regularizer', ref),
    })),
  });
}

/** Numbers that the model holds. */
export function parametersOf(config: ExperimentConfig): number {
  return modelOf(config).specs.reduce((sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1), 0);
}
