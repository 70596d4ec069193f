import { findAddon } from '@rnnx/backend-native';
import {
  createOptimizer,
  createRng,
  extendAverage,
  type FusedKernels,
  fusedKernels,
  type GradientResult,
  type OptimizerConfig,
  RnnxError,
  registerFusedKernels,
  type Snapshot,
  type TrainingRun,
  train,
  updateWeights,
  type Weights,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import {
  collect,
  evaluation,
  FakeModel,
  type FakeOptions,
  languageData,
  lastSnapshot,
  ofType,
  training,
} from '../../core/training/fake-model.js';
import { onNative } from '../../support/native.js';

const optimizers: Record<string, OptimizerConfig> = {
  sgd: { name: 'sgd', learningRate: 0.2 },
  momentum: { name: 'momentum', learningRate: 0.05, momentum: 0.9, nesterov: false },
  'momentum (nesterov)': { name: 'momentum', learningRate: 0.05, momentum: 0.9, nesterov: true },
  adam: { name: 'adam', learningRate: 0.05, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  rmsprop: { name: 'rmsprop', learningRate: 0.01, decay: 0.9, momentum: 0.9, epsilon: 1e-8, initial: 1 },
  asgd: { name: 'asgd', learningRate: -0.1, nonMonotone: 0 },
};

/** Runs without the update kernels: the optimizers in tfjs ops. */
async function byOps<T>(body: () => Promise<T>): Promise<T> {
  const kernels = fusedKernels();
  const { optimizer: _, ...others }: FusedKernels = kernels;
  registerFusedKernels('native', others);
  try {
    return await body();
  } finally {
    registerFusedKernels('native', kernels);
  }
}

// Large enough for pooled memory, where values are changed in place, and too small for it.
const shapes: Readonly<Record<string, readonly number[]>> = { matrix: [67, 45], bias: [45], scalar: [] };

function draw(name: string, scale: number): Record<string, tf.Tensor> {
  const rng = createRng(3).stream(name);
  return tf.tidy(() =>
    Object.fromEntries(
      Object.entries(shapes).map(([key, shape]) => [key, tf.mul(rng.stream(key).normal(shape), scale)]),
    ),
  );
}

function resultOf(gradients: Record<string, tf.Tensor>, loss = 2) {
  return { nll: tf.scalar(loss), loss: tf.scalar(loss), gradients };
}

/** Five updates with given gradients: all values, by name, and the norms. */
async function updates(config: OptimizerConfig, clipNorm: number | null) {
  const optimizer = createOptimizer(config);
  let weights: Weights = draw('weights', 1);
  let slots: Weights = optimizer.initialSlots(weights);
  const norms: number[] = [];
  for (let step = 1; step <= 5; step++) {
    const result = resultOf(draw(`gradients-${step}`, 0.1 * step));
    const context = { learningRate: config.learningRate, step };
    const updated = await updateWeights({ optimizer, weights, slots, result, clipNorm, context, where: 'here' });
    expect(updated.nll).to.equal(2);
    tf.dispose([result]);
    ({ weights, slots } = updated);
    norms.push(updated.gradientNorm);
  }
  const values = await valuesOf({ ...weights, ...slots });
  tf.dispose([weights, slots]);
  return { values, norms };
}

async function valuesOf(tensors: Weights): Promise<Record<string, Float32Array>> {
  const values: Record<string, Float32Array> = {};
  for (const [name, tensor] of Object.entries(tensors)) values[name] = (await tensor.data<'float32'>()).slice();
  return values;
}

describe('updates in place', () => {
  onNative();

  for (const [name, config] of Object.entries(optimizers)) {
    for (const clipNorm of [null, 1e3])
      it(`have the bits of ${name} in tfjs ops, ${clipNorm === null ? 'no limit' : 'gradients within the limit'}`, async () => {
        const before = tf.memory().numTensors;
        const inPlace = await updates(config, clipNorm);
        const ops = await byOps(() => updates(config, clipNorm));
        expect(inPlace.values).to.deep.equal(ops.values);
        for (const [step, norm] of inPlace.norms.entries()) expect(norm / ops.norms[step]!).to.be.closeTo(1, 1e-6);
        expect(tf.memory().numTensors).to.equal(before);
      });

    it(`are those of ${name} in tfjs ops to the clipping factor’s rounding`, async () => {
      const [inPlace, ops] = [await updates(config, 1.5), await byOps(() => updates(config, 1.5))];
      for (const [key, values] of Object.entries(ops.values))
        for (const [i, value] of values.entries())
          expect(inPlace.values[key]![i], `${key}[${i}]`).to.be.closeTo(value, 1e-6 * Math.max(1, Math.abs(value)));
      // Clipping has happened.
      expect(inPlace.norms.every((norm) => norm > 1.5)).to.equal(true);
      expect(inPlace.values).to.not.deep.equal((await updates(config, null)).values);
    });
  }

  it('have the same bits at any number of threads', async () => {
    const found = findAddon();
    if ('reason' in found) throw new Error(found.reason);
    const threads = found.addon.threadCount();
    const runs: unknown[] = [];
    for (const count of [1, 2, 5]) {
      found.addon.setThreadCount(count);
      // 300,000 values: pieces for all.
      const wide = tf.tidy(() => tf.tile(draw('gradients', 1).matrix!, [20, 5]));
      const [weights, gradients] = [{ wide: wide.add(0) }, { wide }];
      const result = resultOf(gradients);
      const optimizer = createOptimizer(optimizers.adam!);
      const slots = optimizer.initialSlots(weights);
      const context = { learningRate: 0.1, step: 1 };
      const updated = await updateWeights({ optimizer, weights, slots, result, clipNorm: 1, context, where: '' });
      runs.push({ ...(await valuesOf({ ...updated.weights, ...updated.slots })), norm: updated.gradientNorm });
      tf.dispose([updated.weights, updated.slots, result]);
    }
    found.addon.setThreadCount(threads);
    expect(runs[1]).to.deep.equal(runs[0]);
    expect(runs[2]).to.deep.equal(runs[0]);
  });

  it('change large tensors in place, and none whose values another tensor or the caller has', async () => {
    const optimizer = createOptimizer(optimizers.sgd!);
    const zeros = () => tf.fill([2000], 0);
    const callers = new Float32Array(2000);
    const weights = { mine: zeros(), cloned: zeros(), given: tf.tensor1d(callers) };
    const clone = weights.cloned.clone();
    const part = weights.cloned.slice([5], [1500]);
    const gradients = { mine: tf.ones([2000]), cloned: tf.ones([2000]), given: tf.ones([2000]) };
    const result = resultOf(gradients);
    const context = { learningRate: 1, step: 1 };
    const updated = await updateWeights({ optimizer, weights, slots: {}, result, clipNorm: null, context, where: '' });
    expect(updated.weights.mine).to.equal(weights.mine);
    expect(updated.weights.cloned).to.not.equal(weights.cloned);
    expect(new Set(callers)).to.deep.equal(new Set([0]));
    for (const tensor of Object.values(updated.weights))
      expect(new Set(await tensor.data())).to.deep.equal(new Set([-1]));
    for (const tensor of [clone, part]) expect(new Set(await tensor.data())).to.deep.equal(new Set([0]));
    tf.dispose([updated.weights, clone, part, result]);
  });

  it('extend an average as tfjs ops do, in place where it is nobody else’s', async () => {
    const [mean, weights] = [draw('mean', 1), draw('weights', 1)];
    const expected = await byOps(async () => {
      const extended = extendAverage(mean, weights, 7);
      const values = await valuesOf(extended);
      tf.dispose(extended);
      return values;
    });
    const extended = extendAverage(mean, weights, 7);
    expect(extended.matrix).to.equal(mean.matrix);
    expect(await valuesOf(extended)).to.deep.equal(expected);
    tf.dispose([extended, mean, weights]);
  });

  it('refuse a gradient of another shape and leave the weights alone', async () => {
    const optimizer = createOptimizer(optimizers.sgd!);
    const weights = draw('weights', 1);
    const values = await valuesOf(weights);
    const result = resultOf({ ...draw('gradients', 1), bias: tf.ones([44]) });
    const context = { learningRate: 1, step: 1 };
    const error = await updateWeights({ optimizer, weights, slots: {}, result, clipNorm: 1, context, where: '' }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(RnnxError).with.property('code', 'RNNX_SHAPE_MISMATCH');
    expect(await valuesOf(weights)).to.deep.equal(values);
    tf.dispose([weights, result]);
  });

  for (const [what, change] of [
    ['loss', (result: ReturnType<typeof resultOf>) => ({ ...result, loss: tf.scalar(Number.NaN) })],
    [
      'norm of the gradient',
      (result: ReturnType<typeof resultOf>) => ({
        ...result,
        // Its square is beyond float32, as in tfjs ops.
        gradients: { ...result.gradients, bias: tf.fill([45], 1e19) },
      }),
    ],
  ] as const)
    it(`change nothing where the ${what} is not finite`, async () => {
      const optimizer = createOptimizer(optimizers.adam!);
      const weights = draw('weights', 1);
      const slots = optimizer.initialSlots(weights);
      const values = await valuesOf({ ...weights, ...slots });
      const result = change(resultOf(draw('gradients', 1)));
      const context = { learningRate: 1, step: 1 };
      const error = await updateWeights({
        optimizer,
        weights,
        slots,
        result,
        clipNorm: 1,
        context,
        where: 'here',
      }).then(
        () => undefined,
        (reason: unknown) => reason as Error,
      );
      expect(error).to.be.instanceOf(RnnxError).with.property('code', 'RNNX_NONFINITE');
      expect(error!.message).to.match(new RegExp(`${what} became .* here`));
      expect(await valuesOf({ ...weights, ...slots })).to.deep.equal(values);
      tf.dispose([weights, slots, result]);
    });
});

describe('training with updates in place', () => {
  onNative();

  const setUp = (
    optimizer: OptimizerConfig,
    changes: Partial<TrainingRun['training']> = {},
    fake: FakeOptions = {},
  ) => ({
    // Every weight has more than the 4,096 bytes from which memory is pooled.
    model: new FakeModel({ noise: 0.2, hiddenSize: 206, ...fake }),
    dataset: languageData(),
    training: { ...training, checkpointEvery: 3, optimizer, ...changes },
    evaluation,
    seed: 7,
  });
  const copied = ({ tensors, progress }: Snapshot): Snapshot => ({
    tensors: Object.fromEntries(
      Object.entries(tensors).map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]),
    ),
    progress: JSON.parse(JSON.stringify(progress)),
  });

  for (const [name, config] of Object.entries(optimizers))
    it(`gives the checkpoints of tfjs ops, also resumed, and leaves them alone: ${name}`, async () => {
      const before = tf.memory().numTensors;
      const optimizer = { ...config, learningRate: config.learningRate / 10 };
      const epochs = name === 'asgd' ? 4 : 2;
      const snapshots: Snapshot[] = [];
      const copies: Snapshot[] = [];
      for await (const event of train(setUp(optimizer, { epochs })))
        if (event.type === 'checkpoint' && !event.best) {
          snapshots.push(event.snapshot);
          copies.push(copied(event.snapshot));
        }
      expect(snapshots).to.deep.equal(copies);
      const ops = await byOps(() => collect(train(setUp(optimizer, { epochs }))));
      expect(copies.at(-1)).to.deep.equal(lastSnapshot(ops));
      for (const resume of [snapshots[0]!, snapshots.at(-2)!]) {
        const rest = await collect(train(setUp(optimizer, { epochs }), { resume }));
        expect(lastSnapshot(rest)).to.deep.equal(copies.at(-1));
      }
      expect(snapshots).to.deep.equal(copies);
      expect(copies.at(-1)!.progress.averagingSince !== null).to.equal(name === 'asgd');
      expect(tf.memory().numTensors).to.equal(before);
    });

  it('takes the next step before it asks for a loss, and none before a checkpoint or an epoch’s end', async () => {
    const run = setUp(optimizers.sgd!, { reportEvery: 1, checkpointEvery: 3 });
    const ahead: number[] = [];
    let steps = 0;
    for await (const event of train(run))
      if (event.type === 'step') {
        steps += 1;
        ahead.push(run.model.calls.filter(({ options }) => options.phase === 'train').length - steps);
      }
    const { stepsAhead } = fusedKernels().optimizer!;
    expect(stepsAhead).to.equal(1);
    // Checkpoints after steps 3, 6 and 9, epochs of five steps.
    expect(ahead).to.deep.equal([1, 1, 0, 1, 0, 0, 1, 1, 0, 0]);
  });

  it('stops where an update is not finite, with the last checkpoint fit to go on', async () => {
    const before = tf.memory().numTensors;
    const tamper = (result: GradientResult, call: number): GradientResult => {
      if (call !== 8) return result;
      const { output, ...rest } = result.gradients;
      output!.dispose();
      return { ...result, gradients: { ...rest, output: tf.fill(output!.shape, 1e17) } };
    };
    const optimizer = { name: 'sgd', learningRate: 1e-3 } as const;
    const schedule = { name: 'zaremba', after: 1, factor: 1e25 } as const;
    const run = setUp(optimizer, { schedule, checkpointEvery: 5 }, { tamper });
    const snapshots: Snapshot[] = [];
    let error: unknown;
    try {
      for await (const event of train(run)) if (event.type === 'checkpoint') snapshots.push(event.snapshot);
    } catch (reason) {
      error = reason;
    }
    expect(error).to.be.instanceOf(RnnxError).with.property('code', 'RNNX_NONFINITE');
    expect((error as Error).message).to.match(/updated weights became NaN in epoch 2/);
    expect(tf.memory().numTensors).to.equal(before);
    const last = snapshots.at(-1)!;
    for (const { data } of Object.values(last.tensors)) expect(data.every(Number.isFinite)).to.equal(true);
    const healthy = {
      ...run,
      training: { ...run.training, schedule: training.schedule },
      model: setUp(optimizer).model,
    };
    const rest = await collect(train(healthy, { resume: last }));
    expect(ofType(rest, 'end')).to.have.length(1);
  });
});
