export { startBackend } from './backend/start.js';
export * from './contracts/backend.js';
export * from './contracts/cell.js';
export * from './contracts/cloze.js';
export * from './contracts/dataset-provider.js';
export * from './contracts/noise-distribution.js';
export * from './contracts/parameters.js';
export * from './contracts/perturbation.js';
export * from './contracts/plugin.js';
export * from './contracts/regularizer.js';
export * from './contracts/token.js';
export * from './errors.js';
export * from './experiment/config.js';
export * from './experiment/editor-schema.js';
export * from './experiment/merge.js';
export * from './experiment/parse.js';
export * from './experiment/schema.js';
export * from './model/initializers.js';
export * from './model/likelihoods.js';
export * from './model/minibatch.js';
export * from './model/model.js';
export type { NamedRegularizer } from './model/regularizers.js';
export * from './model/sequence-model.js';
export * from './random/philox.js';
export * from './random/rng.js';
export * from './recurrence/fused.js';
export { Normalizer } from './recurrence/normalize.js';
export { sharedProduct } from './recurrence/shared-product.js';
export * from './recurrence/site-plan.js';
export * from './recurrence/unroll.js';
export * from './registry.js';
export * from './suggest.js';
export * from './training/clip.js';
export { estimateStatistics } from './training/estimate.js';
export * from './training/evaluate.js';
export * from './training/events.js';
export * from './training/generate.js';
export * from './training/minibatches.js';
export * from './training/optimizers/adam.js';
export * from './training/optimizers/asgd.js';
export * from './training/optimizers/create.js';
export * from './training/optimizers/kernels.js';
export * from './training/optimizers/momentum.js';
export * from './training/optimizers/optimizer.js';
export * from './training/optimizers/rmsprop.js';
export * from './training/optimizers/sgd.js';
export { restoreWeights } from './training/run-state.js';
export * from './training/schedules.js';
export * from './training/snapshot.js';
export { trackWeights } from './training/track.js';
export * from './training/train.js';
export {
  type StartedUpdate,
  startUpdate,
  type Updated,
  type UpdateInput,
  type UpdateReport,
  updateWeights,
} from './training/update.js';
export { relabelEntities } from './training/windows/relabel-entities.js';
export type { BatchWindow, WindowOptions, WindowPlan } from './training/windows/window-plan.js';
export * from './validation.js';
export * from './version.js';
