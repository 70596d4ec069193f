import * as tf from '@tensorflow/tfjs';
import type { Weights } from '../contracts/parameters.js';
import type { AnyMinibatch } from '../model/minibatch.js';
import type { ModelState, SequenceModel } from '../model/model.js';
import type { Rng } from '../random/rng.js';
import { dispose } from './tensors.js';
import type { WindowPlan } from './windows/window-plan.js';

/**
 * Statistics of the training split for models that evaluate with them (batch normalisation): the plain average, over the
 * minibatches of one pass with parameters fixed and noise off, of what the regularizers observe. A statistic that only some
 * minibatches have (a late time step) is averaged over those.
 *
 * @param rng keyed for this pass; each minibatch has a stream of it, for what a regularizer keeps random even now
 * @returns by the names under which `weights` passes them to the model, `statistics/<owner>/<name>`; the caller owns them
 */
export async function estimateStatistics(
  model: SequenceModel,
  weights: Weights,
  plan: WindowPlan<AnyMinibatch>,
  rng: Rng,
): Promise<Record<string, tf.Tensor>> {
  const sums = new Map<string, { sum: tf.Tensor; count: number }>();
  const observe = (name: string, value: tf.Tensor): void => {
    const known = sums.get(name);
    if (known === undefined) {
      sums.set(name, { sum: value, count: 1 });
      return;
    }
    const sum = tf.keep(tf.add(known.sum, value));
    dispose(known.sum, value);
    sums.set(name, { sum, count: known.count + 1 });
  };
  let state: ModelState | undefined;
  try {
    for (let index = 0; index < Math.min(plan.length, model.estimationBatches); index++) {
      await tf.nextFrame();
      const { batch, fresh } = plan.at(index);
      if (fresh || state === undefined) {
        dispose(state);
        state = model.initialState(batch.batch);
      }
      const pass = {
        phase: 'evaluate',
        copies: 1,
        average: 'probabilities',
        rng: rng.stream(`step-${index + 1}`),
        observe,
      } as const;
      const result = model.score(weights, batch, state, pass);
      dispose(state, result.nll, result.errors);
      state = result.state;
    }
    return Object.fromEntries(
      [...sums].map(([name, { sum, count }]) => [`statistics/${name}`, tf.div(sum, count)] as const),
    );
  } finally {
    dispose(state);
    for (const { sum } of sums.values()) dispose(sum);
  }
}
