import {
  type GradientResult,
  type OptimizerConfig,
  RnnxError,
  type TrainingEvent,
  type TrainingRun,
  type TrainOptions,
  train,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { useBackend } from '../../support/backend.js';
import { type SlowReads, useSlowBackend } from '../../support/slow-backend.js';
import {
  collect,
  evaluation,
  FakeModel,
  type FakeOptions,
  languageData,
  lastSnapshot,
  ofType,
  training,
} from './fake-model.js';

type Run = TrainingRun & { readonly model: FakeModel };

function setUp(changes: Partial<TrainingRun['training']> = {}, fake?: FakeOptions): Run {
  const run = { ...training, reportEvery: 2, checkpointEvery: 4, ...changes };
  return { model: new FakeModel(fake), dataset: languageData(), training: run, evaluation, seed: 1 };
}

/** All but how long it took. */
function timeless(events: readonly TrainingEvent[]): unknown[] {
  return events.map((event) => ({ ...event, seconds: 0, tokensPerSecond: 0 }));
}

/** Events up to the error, if one comes. */
async function outcome(run: Run, options?: TrainOptions): Promise<{ events: TrainingEvent[]; error?: RnnxError }> {
  const events: TrainingEvent[] = [];
  try {
    for await (const event of train(run, options)) events.push(event);
    return { events };
  } catch (error) {
    expect(error).to.be.instanceOf(RnnxError);
    return { events, error: error as RnnxError };
  }
}

const gradientCalls = ({ model }: Run) => model.calls.filter(({ options }) => options.phase === 'train').length;
const turn = () => new Promise((resolve) => setImmediate(resolve));
async function turns(): Promise<void> {
  for (let i = 0; i < 50; i++) await turn();
}

/** Makes the loss of one step NaN. */
function lossNaN(at: number): FakeOptions {
  return {
    tamper: (result, call): GradientResult => {
      if (call !== at) return result;
      result.loss.dispose();
      return { ...result, loss: tf.scalar(Number.NaN) };
    },
  };
}

describe('training on a device that is slow to tell its losses', () => {
  let reads: SlowReads;
  beforeEach(async () => {
    reads = await useSlowBackend(2);
  });
  afterEach(() => useBackend('cpu'));

  async function onCpu<T>(work: () => Promise<T>): Promise<T> {
    await useBackend('cpu');
    const result = await work();
    reads = await useSlowBackend(2);
    return result;
  }

  it('takes the next steps before a loss is there, and no more than a few', async () => {
    const run = setUp({ reportEvery: 1, checkpointEvery: null });
    const before = tf.memory().numTensors;
    reads.hold = true;
    const events: TrainingEvent[] = [];
    const done = (async () => {
      for await (const event of train(run)) events.push(event);
    })();
    await turns();
    expect(gradientCalls(run)).to.equal(3);
    expect(reads.waiting.length).to.equal(3);
    expect(events).to.deep.equal([]);
    reads.answer();
    await turns();
    expect(gradientCalls(run)).to.equal(4);
    expect(ofType(events, 'step').map(({ step }) => step)).to.deep.equal([1]);
    reads.hold = false;
    while (reads.waiting.length > 0) reads.answer();
    await done;
    expect(ofType(events, 'step').map(({ step }) => step)).to.deep.equal([1, 2, 3, 4, 5, 1, 2, 3, 4, 5]);
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('waits for each loss where the backend wants no step ahead, or has no updates of its own', async () => {
    reads = await useSlowBackend(0);
    for (const useIt of [async () => undefined, () => useBackend('cpu')]) {
      await useIt();
      const run = setUp({ reportEvery: 1, checkpointEvery: null });
      let steps = 0;
      for await (const event of train(run)) if (event.type === 'step') expect(gradientCalls(run)).to.equal(++steps);
      expect(steps).to.equal(10);
    }
  });

  const optimizers: OptimizerConfig[] = [
    { name: 'sgd', learningRate: 0.2 },
    { name: 'momentum', learningRate: 0.05, momentum: 0.9, nesterov: true },
    { name: 'adam', learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    { name: 'asgd', learningRate: -0.1, nonMonotone: 0 },
  ];
  for (const optimizer of optimizers)
    it(`gives the events, scores and checkpoints of one that waits, to the bit: ${optimizer.name}`, async () => {
      const schedule = { name: 'plateau', factor: 0.5 } as const;
      const changes = { epochs: 4, optimizer, schedule, clipNorm: 1 };
      const expected = await onCpu(() => collect(train(setUp(changes, { noise: 0.3 }))));
      const before = tf.memory().numTensors;
      const actual = await collect(train(setUp(changes, { noise: 0.3 })));
      expect(timeless(actual)).to.deep.equal(timeless(expected));
      expect(tf.memory().numTensors).to.equal(before);
    });

  it('goes on from every checkpoint to the same bits', async () => {
    const changes = { checkpointEvery: 1 };
    const whole = await collect(train(setUp(changes)));
    const checkpoints = ofType(whole, 'checkpoint').filter(({ best }) => !best);
    expect(checkpoints.length).to.equal(12);
    for (const { snapshot } of checkpoints.slice(0, -1)) {
      const rest = await collect(train(setUp(), { resume: snapshot }));
      expect(lastSnapshot(rest)).to.deep.equal(lastSnapshot(whole));
    }
  });

  for (const at of [2, 4, 7, 10])
    it(`stops at a loss that is not finite, in step ${at}, as one that waits does`, async () => {
      const expected = await onCpu(() => outcome(setUp({ reportEvery: 1 }, lossNaN(at))));
      const before = tf.memory().numTensors;
      const { events, error } = await outcome(setUp({ reportEvery: 1 }, lossNaN(at)));
      expect(error).to.include({ code: 'RNNX_NONFINITE', message: expected.error!.message });
      expect(timeless(events)).to.deep.equal(timeless(expected.events));
      expect(tf.memory().numTensors).to.equal(before);
    });

  it('tells of the first of several errors, though a later step fails sooner', async () => {
    const { tamper } = lossNaN(6);
    const fake: FakeOptions = {
      tamper: (result, call) => {
        if (call === 7) {
          tf.dispose([result.loss, result.nll, result.gradients, result.state as never]);
          throw new Error('a later step');
        }
        return tamper!(result, call);
      },
    };
    const before = tf.memory().numTensors;
    const { events, error } = await outcome(setUp({ reportEvery: 1, checkpointEvery: null }, fake));
    expect(error).to.include({ code: 'RNNX_NONFINITE' });
    expect(error!.message).to.contain('epoch 2, step 1');
    expect(ofType(events, 'step').length).to.equal(5);
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('makes no checkpoint that a failing loss precedes', async () => {
    const { events } = await outcome(setUp({ checkpointEvery: 1 }, lossNaN(7)));
    expect(lastSnapshot(events).progress).to.include({ globalStep: 6 });
    const rest = await collect(train(setUp(), { resume: lastSnapshot(events) }));
    expect(lastSnapshot(rest)).to.deep.equal(lastSnapshot(await collect(train(setUp()))));
  });

  it('ends with the error of the device where reading fails, and leaks nothing', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.on('unhandledRejection', note);
    try {
      const before = tf.memory().numTensors;
      reads.error = new RnnxError('RNNX_DEVICE_LOST', 'The GPU was lost', { got: '', expected: '', remedy: '' });
      reads.failFrom = 4;
      const { events, error } = await outcome(setUp({ reportEvery: 1, checkpointEvery: null }));
      expect(error).to.equal(reads.error);
      expect(events.map(({ type }) => type)).to.deep.equal(['step', 'step', 'step']);
      expect(tf.memory().numTensors).to.equal(before);
      await turns();
      expect(unhandled).to.deep.equal([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });

  it('when aborted, tells of all steps taken and makes their checkpoint', async () => {
    const controller = new AbortController();
    const events: TrainingEvent[] = [];
    const before = tf.memory().numTensors;
    for await (const event of train(setUp({ reportEvery: 1, checkpointEvery: null }), { signal: controller.signal })) {
      events.push(event);
      if (event.type === 'step' && event.globalStep === 2) controller.abort();
    }
    expect(tf.memory().numTensors).to.equal(before);
    const told = ofType(events, 'step').map(({ globalStep }) => globalStep);
    expect(told).to.deep.equal([1, 2, 3, 4]);
    expect(events.slice(-2).map(({ type }) => type)).to.deep.equal(['checkpoint', 'end']);
    expect(lastSnapshot(events).progress).to.include({ globalStep: 4 });
    const rest = await collect(train(setUp(), { resume: lastSnapshot(events) }));
    expect(lastSnapshot(rest)).to.deep.equal(lastSnapshot(await collect(train(setUp()))));
  });

  it('is freed when the reader stops while losses are on their way', async () => {
    const before = tf.memory().numTensors;
    const run = setUp({ reportEvery: 1, checkpointEvery: null });
    for await (const event of train(run)) if (event.type === 'step' && event.globalStep === 2) break;
    expect(gradientCalls(run)).to.equal(4);
    expect(tf.memory().numTensors).to.equal(before);
  });
});
