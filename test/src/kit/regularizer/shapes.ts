import { createRng, type Perturbation, type Regularizer } from '@rnnx/core';
import type * as tf from '@tensorflow/tfjs';
import { refusalOf } from '../common/refusal.js';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import type { Rig } from '../rig.js';
import { show } from '../subject.js';
import type { RegularizerCase } from './claims.js';
import type { RegularizerSubject } from './subject.js';

/** Refusals that a model of frames may give, since it has no embedding. */
const withoutEmbedding: readonly string[] = ['RNNX_SITE_UNSUPPORTED', 'RNNX_OPTION_CONFLICT'];

export const shapes = invariant<RegularizerSubject>(
  'shapes',
  'keeps shapes and types in every cell, with one example, one step, one layer, and on frames',
  async (subject) => {
    // Beside the usual model: one example, one step and one layer, where broadcasting hides mistakes or makes them.
    const batch = subject.claims.minimumBatch ?? 1;
    const extremes = [{}, { batch, steps: 1, layers: 1 }, { layers: 3, steps: 2 }];
    for (const at of subject.claims.valid) {
      const cells = at.cell === undefined ? subject.cells : [at.cell];
      for (const cell of cells)
        for (const change of extremes) await checkModel(subject, { ...at, cell }, change, `${show(cell)}`);
      if (at.task === undefined) {
        const task = { ...at, task: 'bernoulli' } as const;
        const error = await refusalOf(() => checkModel(subject, task, {}, 'frames'));
        if (error !== undefined && !withoutEmbedding.includes(error.code)) throw error;
      }
    }
  },
);

async function checkModel(subject: RegularizerSubject, at: RegularizerCase, change: object, where: string) {
  const instance = subject.create(at.options);
  const watched = watch(instance, (what) => fail(`${show(at.options)} in ${where} ${show(change)}: ${what}`));
  const rig = subject.model(at, [watched], change);
  checkParameters(rig, subject.plugin.name);
  const result = rig.trainOnce(createRng(1));
  for (const [name, gradient] of Object.entries(result.gradients)) {
    const { shape } = rig.weights[name]!;
    if (gradient.shape.join() !== shape.join()) fail(`the gradient of ${name} is [${gradient.shape}], not [${shape}]`);
  }
  const { outcome } = await rig.train(createRng(1));
  const evaluated = [...(await rig.evaluate(createRng(1))), ...(await rig.evaluate(createRng(1), 'sample'))];
  for (const value of [...outcome, ...evaluated])
    if (!Number.isFinite(value)) fail(`${show(at.options)} in ${where} ${show(change)}: a loss or state is ${value}`);
  for (const [name, value] of Object.entries(rig.model.report(rig.weights)))
    if (value.size !== 1) fail(`it reports "${name}" as [${value.shape}] instead of a scalar`);
  rig.dispose();
}

function checkParameters(rig: Rig, owner: string): void {
  const names = rig.model.specs.map(({ name }) => name);
  if (new Set(names).size < names.length) fail(`it declares a parameter twice: ${names.join(', ')}`);
  for (const [name, value] of Object.entries(rig.parametersOf(owner)))
    if (value.dtype !== 'float32') fail(`parameter "${name}" is ${value.dtype}`);
}

/** The same regularizer, whose values, maps and penalty are looked at as they pass. */
function watch(inner: Regularizer, complain: (what: string) => never): Regularizer {
  const watchMap = (perturbation: Extract<Perturbation, { kind: 'map' }>): Perturbation => ({
    ...perturbation,
    map(x, at) {
      const result = perturbation.map(x, at);
      const [was, is] = [x, result].map((tensor: tf.Tensor) => `${tensor.dtype} [${tensor.shape.join(', ')}]`);
      if (was !== is) complain(`the map at "${perturbation.site}" turns ${was} into ${is}`);
      return result;
    },
  });
  return {
    ...(inner.monteCarlo && { monteCarlo: inner.monteCarlo }),
    ...(inner.estimationBatches !== undefined && { estimationBatches: inner.estimationBatches }),
    ...(inner.parameters && { parameters: (model) => inner.parameters!(model) }),
    ...(inner.report && { report: (parameters) => inner.report!(parameters) }),
    perturb: (context) =>
      inner.perturb(context).map((perturbation) => {
        if (perturbation.kind === 'map') return watchMap(perturbation);
        const { dtype } = perturbation.kind === 'normalize' ? perturbation.gamma : perturbation.value;
        if (dtype !== 'float32') complain(`the value at "${perturbation.site}" is ${dtype}`);
        return perturbation;
      }),
    ...(inner.penalty && {
      penalty(context) {
        const penalty = inner.penalty!(context);
        if (penalty.rank !== 0 || penalty.dtype !== 'float32')
          complain(`the penalty is ${penalty.dtype} [${penalty.shape}] instead of a float32 scalar`);
        return penalty;
      },
    }),
  };
}
