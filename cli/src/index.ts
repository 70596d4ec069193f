export { defineExperiment, type ExperimentConfig, type ExperimentInput } from '@rnnx/core';
export { type Preset, type Published, presets } from '@rnnx/presets';
export { findPreset } from './config/presets.js';
export { type Discovered, discover } from './discovery/discover.js';
export type { Estimate } from './estimate.js';
export type * from './events.js';
export { type ExperimentOptions, resumeExperiment, runExperiment } from './experiment.js';
export type { HostOptions } from './host.js';
export {
  evaluateRun,
  generateText,
  openTrained,
  type TextOptions,
  type TrainedOptions,
  type TrainedRun,
} from './trained.js';
