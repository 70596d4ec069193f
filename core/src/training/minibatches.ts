import type { Split, Task } from '../contracts/dataset-provider.js';
import type { EvaluationConfig } from '../experiment/config.js';
import type { BatchOf } from '../model/minibatch.js';
import type { Rng } from '../random/rng.js';
import { clozeWindows } from './windows/cloze.js';
import { frameWindows } from './windows/frames.js';
import { labelledWindows } from './windows/labelled.js';
import { tokenWindows } from './windows/tokens.js';
import type { WindowOptions, WindowPlan, Windows } from './windows/window-plan.js';

/** How splits of each kind are cut; a new kind of split adds a line here and a file beside these. */
const windows: { readonly [K in Split['kind']]: Windows<Extract<Split, { kind: K }>> } = {
  tokens: tokenWindows,
  frames: frameWindows,
  labelled: labelledWindows,
  cloze: clozeWindows,
};

/**
 * Minibatches of one training epoch; how, the files of `windows` say for each kind of split.
 *
 * Errors: RNNX_DATA_TOO_SMALL if the split does not fill one window; RNNX_SHAPE_MISMATCH if split and task disagree;
 * RNNX_OPTION_CONFLICT for options that such splits do not have.
 *
 * @param order decides what is random in the order; keyed for this epoch
 */
export function trainingWindows<S extends Split>(
  split: S,
  task: Task,
  options: WindowOptions,
  order: Rng,
  name = 'train',
): WindowPlan<BatchOf<S>> {
  return windowsOf(split).training(split, task, options, order, name);
}

/**
 * Minibatches of an exact evaluation: everything that there is to predict counts once, with the state carried.
 *
 * Errors: RNNX_DATA_TOO_SMALL if there is nothing to predict; RNNX_SHAPE_MISMATCH if split and task disagree.
 */
export function evaluationWindows<S extends Split>(
  split: S,
  task: Task,
  options: EvaluationConfig,
  name = 'test',
): WindowPlan<BatchOf<S>> {
  return windowsOf(split).evaluation(split, task, options, name);
}

function windowsOf<S extends Split>(split: S): Windows<S> {
  return windows[split.kind] as unknown as Windows<S>;
}
