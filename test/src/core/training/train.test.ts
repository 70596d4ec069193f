import {
  createRng,
  evaluate,
  type GradientResult,
  type OptimizerConfig,
  RnnxError,
  restoreWeights,
  type TrainingEvent,
  type TrainingRun,
  train,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import {
  collect,
  evaluation,
  FakeModel,
  type FakeOptions,
  frameData,
  frameTask,
  languageData,
  lastSnapshot,
  ofType,
  training,
} from './fake-model.js';

interface Changes {
  readonly training?: Partial<TrainingRun['training']>;
  readonly fake?: FakeOptions;
}

function setUp({ training: changes, fake }: Changes = {}): TrainingRun & { readonly model: FakeModel } {
  const dataset = fake?.task?.kind === 'frames' ? frameData() : languageData();
  return { model: new FakeModel(fake), dataset, training: { ...training, ...changes }, evaluation, seed: 1 };
}

/** Runs until the error that must come; gives it with the events before it. */
async function failure(run: TrainingRun): Promise<{ error: RnnxError; events: TrainingEvent[] }> {
  const events: TrainingEvent[] = [];
  try {
    for await (const event of train(run)) events.push(event);
  } catch (error) {
    expect(error).to.be.instanceOf(RnnxError);
    return { error: error as RnnxError, events };
  }
  throw new Error('no error came');
}

describe('training', () => {
  it('tells steps, epochs, checkpoints and the end, in order', async () => {
    const events = await collect(train(setUp({ training: { reportEvery: 2, checkpointEvery: 4 } })));
    const names = events.map((event) => (event.type === 'checkpoint' && event.best ? 'best' : event.type));
    const epoch = ['step', 'step', 'checkpoint', 'epoch', 'best', 'checkpoint'];
    // Five steps an epoch: reports at 2 and 4, checkpoints at the global steps 4 and 8.
    expect(names).to.deep.equal([...epoch, 'step', 'checkpoint', 'step', 'epoch', 'best', 'checkpoint', 'end']);
    const [step] = ofType(events, 'step');
    expect(step).to.deep.include({ epoch: 1, step: 2, stepsPerEpoch: 5, globalStep: 2, learningRate: 0.2 });
    expect(step!.loss).to.be.closeTo(Math.log(5), 0.5);
    expect(step!.gradientNorm).to.be.greaterThan(0);
    expect(step!.tokensPerSecond).to.be.greaterThan(0);
    expect(ofType(events, 'end')).to.deep.equal([{ type: 'end', reason: 'epochs', epochs: 2, bestEpoch: 2 }]);
  });

  it('lowers the loss, and reports the scores that its checkpoints have', async () => {
    const run = setUp({ training: { epochs: 8, lossReduction: 'sum' } });
    const events = await collect(train(run));
    const epochs = ofType(events, 'epoch');
    expect(epochs.at(-1)!.train.nll).to.be.lessThan(epochs[0]!.train.nll - 0.1);
    expect(epochs[0]!.train.count).to.equal(60);
    const weights = restoreWeights(lastSnapshot(events));
    const score = await evaluate(run.model, weights, run.dataset.splits.valid, evaluation, createRng(9));
    expect(score).to.deep.equal(epochs.at(-1)!.valid);
    expect(epochs.at(-1)!.scalars['fake/first']).to.equal((await weights.output!.data())[0]);
    tf.dispose(weights);
  });

  it('moves the weights by one SGD step of the clipped gradient', async () => {
    const once = { epochs: 1, batchSize: 15, bptt: 4, optimizer: { name: 'sgd', learningRate: 0.5 } } as const;
    const weightsAfter = async (clipNorm: number | null) => {
      const run = setUp({ training: { ...once, clipNorm } });
      const events = await collect(train(run));
      const start = run.model.initialize(createRng(1).stream('initialize'));
      const before = await start.output!.data();
      tf.dispose(start);
      const after = lastSnapshot(events).tensors['parameters/output']!.data;
      return { moves: [...after].map((x, i) => x - before[i]!), norm: ofType(events, 'step')[0]!.gradientNorm };
    };
    const free = await weightsAfter(null);
    const clipped = await weightsAfter(free.norm / 4);
    expect(clipped.norm).to.equal(free.norm);
    for (const [i, move] of free.moves.entries()) expect(clipped.moves[i]).to.be.closeTo(move / 4, 1e-7);
    expect(await weightsAfter(free.norm * 2)).to.deep.equal(free);
  });

  it('scales the loss by batch or by predictions', async () => {
    const scales = async (changes: Changes) => {
      const run = setUp(changes);
      await collect(train(run));
      return run.model.calls.filter(({ options }) => options.phase === 'train').map(({ lossScale }) => lossScale);
    };
    expect(new Set(await scales({ training: { lossReduction: 'sum' } }))).to.deep.equal(new Set([1 / 3]));
    expect(new Set(await scales({ training: { lossReduction: 'mean' } }))).to.deep.equal(new Set([1 / 12]));
    const masked = { fake: { task: frameTask }, training: { epochs: 1, batchSize: 5, bptt: 100 } };
    // Sequences of 5, 3, 8, 2 and 6 frames: 19 predictions.
    expect(await scales({ ...masked, training: { ...masked.training, lossReduction: 'mean' } })).to.deep.equal([
      1 / 19,
    ]);
    expect(await scales({ ...masked, training: { ...masked.training, lossReduction: 'sum' } })).to.deep.equal([1 / 5]);
  });

  it('carries the state within an epoch and starts each from zero', async () => {
    const zero = async (carryState: boolean) => {
      const run = setUp({ training: { carryState } });
      await collect(train(run));
      const calls = run.model.calls.filter(({ options }) => options.phase === 'train');
      return calls.map(({ state }) => state.every((x) => x === 0));
    };
    const epoch = [true, false, false, false, false];
    expect(await zero(true)).to.deep.equal([...epoch, ...epoch]);
    expect(await zero(false)).to.deep.equal(Array(10).fill(true));
  });

  it('runs K copies, each with noise and state of its own, averaging log-probabilities', async () => {
    const monteCarlo = { train: 3, evaluate: 2, average: 'probabilities' } as const;
    const run = setUp({ fake: { noise: 0.3, monteCarlo } });
    const events = await collect(train(run));
    const passes = run.model.calls.filter(({ options }) => options.phase === 'train');
    for (const { options, state } of passes) {
      expect(options).to.include({ copies: 3, average: 'log-probabilities' });
      expect(state.length).to.equal(3 * 3 * run.model.hiddenSize);
    }
    expect(new Set(passes[1]!.state).size).to.equal(27);
    const sampled = run.model.calls.filter(({ options }) => options.phase === 'sample');
    expect(sampled[0]!.options).to.include({ copies: 2, average: 'probabilities' });
    expect(ofType(events, 'epoch')[0]!.train.count).to.equal(60); // copies are not counted
  });

  it('draws other noise in each step and epoch, and the same for the same seed', async () => {
    const keys = async (seed: number) => {
      const run = { ...setUp({ fake: { noise: 0.3 } }), seed };
      await collect(train(run));
      const calls = run.model.calls.filter(({ options }) => options.phase === 'train');
      return calls.map(({ options }) => options.rng.uniforms(1)[0]);
    };
    const first = await keys(1);
    expect(new Set(first).size).to.equal(10);
    expect(await keys(1)).to.deep.equal(first);
    expect(await keys(2)).to.not.deep.equal(first);
    const expected = createRng(1).stream('train').stream('epoch-2').stream('step-3').uniforms(1)[0];
    expect(first[7]).to.equal(expected);
  });

  it('follows the schedule', async () => {
    const schedule = { name: 'zaremba', after: 1, factor: 0.5 } as const;
    const events = await collect(train(setUp({ training: { epochs: 3, schedule } })));
    expect(ofType(events, 'epoch').map(({ learningRate }) => learningRate)).to.deep.equal([0.2, 0.1, 0.05]);
  });

  it('stops early when validation has not improved for so many epochs', async () => {
    // Ascending the gradient makes every epoch worse than the first.
    const worse = { epochs: 9, patience: 2, optimizer: { name: 'sgd', learningRate: -0.1 } } as const;
    const run = setUp({ training: worse });
    const events = await collect(train(run));
    expect(ofType(events, 'epoch').map(({ best }) => best)).to.deep.equal([true, false, false]);
    expect(ofType(events, 'checkpoint').map(({ best }) => best)).to.deep.equal([true, false, false, false]);
    const end = { type: 'end', reason: 'early-stopping', epochs: 3, bestEpoch: 1 } as const;
    expect(events.at(-1)).to.deep.equal(end);
    expect(await collect(train(run, { resume: lastSnapshot(events) }))).to.deep.equal([end]);
  });

  it('averages weights once validation gets worse, and evaluates with the mean', async () => {
    const optimizer = { name: 'asgd', learningRate: -0.1, nonMonotone: 1 } as const;
    const run = setUp({ training: { epochs: 5, optimizer, checkpointEvery: 1 } });
    const events = await collect(train(run));
    const snapshots = ofType(events, 'checkpoint').map(({ snapshot }) => snapshot);
    const since = snapshots.map(({ progress }) => progress.averagingSince).find((step) => step !== null)!;
    expect(since).to.equal(15); // worse than two epochs before at the end of the third
    const last = lastSnapshot(events);
    const iterates = new Map(
      snapshots
        .filter((s) => s.progress.globalStep >= since)
        .map((s) => [s.progress.globalStep, s.tensors['parameters/input']!.data]),
    );
    expect(iterates.size).to.equal(11);
    const mean = [...last.tensors['average/input']!.data];
    for (const [i, value] of mean.entries()) {
      const sum = [...iterates.values()].reduce((total, data) => total + data[i]!, 0);
      expect(value).to.be.closeTo(sum / 11, 1e-6);
    }
    const weights = restoreWeights(last);
    expect([...(await weights.input!.data())]).to.deep.equal(mean);
    const score = await evaluate(run.model, weights, run.dataset.splits.valid, evaluation, createRng(9));
    expect(score).to.deep.equal(ofType(events, 'epoch').at(-1)!.valid);
    tf.dispose(weights);
  });

  it('refuses validation data that is too small before it trains', async () => {
    const run = { ...setUp(), dataset: languageData(60, 0) };
    const { error } = await failure(run);
    expect(error.code).to.equal('RNNX_DATA_TOO_SMALL');
    expect(run.model.calls.length).to.equal(0);
  });
});

describe('training that is aborted', () => {
  it('stops at the next step with a checkpoint', async () => {
    const controller = new AbortController();
    const events: TrainingEvent[] = [];
    for await (const event of train(setUp(), { signal: controller.signal })) {
      events.push(event);
      if (event.type === 'step' && event.globalStep === 7) controller.abort();
    }
    expect(events.slice(-2).map(({ type }) => type)).to.deep.equal(['checkpoint', 'end']);
    expect(lastSnapshot(events).progress).to.include({ epoch: 1, step: 2, globalStep: 7 });
    expect(events.at(-1)).to.include({ reason: 'aborted', epochs: 1 });
  });

  it('before it began hands out the start', async () => {
    const run = setUp();
    const events = await collect(train(run, { signal: AbortSignal.abort() }));
    expect(events.map(({ type }) => type)).to.deep.equal(['checkpoint', 'end']);
    expect(lastSnapshot(events).progress).to.include({ epoch: 0, step: 0, globalStep: 0 });
    expect(run.model.calls.length).to.equal(0);
  });

  it('during validation keeps the epoch’s steps', async () => {
    const controller = new AbortController();
    const run = setUp();
    const score = run.model.score.bind(run.model);
    run.model.score = (...args) => {
      controller.abort();
      return score(...args);
    };
    const events = await collect(train(run, { signal: controller.signal }));
    expect(ofType(events, 'epoch')).to.deep.equal([]);
    expect(lastSnapshot(events).progress).to.include({ epoch: 0, step: 5 });
    run.model.score = score;
    const rest = await collect(train(run, { resume: lastSnapshot(events) }));
    const whole = await collect(train(setUp()));
    expect(lastSnapshot(rest)).to.deep.equal(lastSnapshot(whole));
  });

  it('sees signals and timers while it runs', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 20);
    const events = await collect(train(setUp({ training: { epochs: 100_000 } }), { signal: controller.signal }));
    expect(events.at(-1)).to.include({ reason: 'aborted' });
  });
});

describe('training that diverges', () => {
  const scalar = (value: number, old: tf.Tensor) => {
    old.dispose();
    return tf.scalar(value);
  };
  const cases: Record<string, { fake?: FakeOptions; training?: Partial<TrainingRun['training']>; message: RegExp }> = {
    'a loss': {
      fake: { tamper: (r, call): GradientResult => (call === 7 ? { ...r, loss: scalar(Number.NaN, r.loss) } : r) },
      message: /loss became NaN in epoch 2, step 2/,
    },
    'a gradient': {
      fake: {
        tamper: (r, call): GradientResult => {
          if (call !== 7) return r;
          const { output, ...rest } = r.gradients;
          output!.dispose();
          return { ...r, gradients: { ...rest, output: tf.fill(output!.shape, Number.POSITIVE_INFINITY) } };
        },
      },
      message: /norm of the gradient became Infinity in epoch 2, step 2/,
    },
    'an update': {
      fake: {
        tamper: (r, call): GradientResult => {
          if (call !== 1) return r;
          const { output, ...rest } = r.gradients;
          output!.dispose();
          return { ...r, gradients: { ...rest, output: tf.fill(output!.shape, 1e18) } };
        },
      },
      training: { optimizer: { name: 'sgd', learningRate: 1e21 }, clipNorm: null },
      message: /updated weights became -Infinity in epoch 1, step 1/,
    },
  };
  for (const [what, { message, ...changes }] of Object.entries(cases))
    it(`stops at ${what} that is not finite, names the step and leaks nothing`, async () => {
      const before = tf.memory().numTensors;
      const { error, events } = await failure(setUp(changes));
      expect(error.code).to.equal('RNNX_NONFINITE');
      expect(error.message).to.match(message);
      for (const { snapshot } of ofType(events, 'checkpoint'))
        for (const { data } of Object.values(snapshot.tensors)) expect(data.every(Number.isFinite)).to.equal(true);
      expect(tf.memory().numTensors).to.equal(before);
    });

  it('leaves the last checkpoint fit to go on', async () => {
    const tamper = cases['a loss']!.fake!.tamper!;
    const { events } = await failure(setUp({ fake: { tamper }, training: { checkpointEvery: 1 } }));
    expect(lastSnapshot(events).progress).to.include({ globalStep: 6 });
    const rest = await collect(train(setUp(), { resume: lastSnapshot(events) }));
    expect(lastSnapshot(rest)).to.deep.equal(lastSnapshot(await collect(train(setUp()))));
  });

  it('stops at a validation metric that is not finite', async () => {
    const run = setUp();
    const score = run.model.score.bind(run.model);
    run.model.score = (...args) => {
      const result = score(...args);
      return { ...result, nll: tf.tidy(() => tf.mul(result.nll, Number.POSITIVE_INFINITY)) as tf.Scalar };
    };
    const { error } = await failure(run);
    expect(error.code).to.equal('RNNX_NONFINITE');
    expect(error.message).to.match(/validation metric became Infinity after epoch 1/);
  });
});

describe('memory of training', () => {
  const optimizers: OptimizerConfig[] = [
    { name: 'sgd', learningRate: 0.1 },
    { name: 'momentum', learningRate: 0.05, momentum: 0.9, nesterov: true },
    { name: 'adam', learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    { name: 'rmsprop', learningRate: 0.001, decay: 0.9, momentum: 0.9, epsilon: 1e-8, initial: 1 },
    { name: 'asgd', learningRate: -0.1, nonMonotone: 0 },
  ];
  for (const optimizer of optimizers)
    it(`stays constant across steps and is freed at the end: ${optimizer.name}`, async () => {
      const before = tf.memory().numTensors;
      const run = setUp({ training: { epochs: 4, optimizer, clipNorm: 1, checkpointEvery: 3 } });
      const counts = new Map<number, Set<number>>();
      for await (const event of train(run)) {
        if (event.type !== 'step' || event.epoch < 3) continue; // averaging begins in between
        const seen = counts.get(event.epoch) ?? new Set();
        counts.set(event.epoch, seen.add(tf.memory().numTensors));
      }
      expect([...counts.values()].map((seen) => seen.size)).to.deep.equal([1, 1]);
      expect(counts.get(3)).to.deep.equal(counts.get(4));
      expect(tf.memory().numTensors).to.equal(before);
    });

  it('is freed when the reader stops early', async () => {
    const before = tf.memory().numTensors;
    for await (const event of train(setUp())) if (event.type === 'step' && event.globalStep === 3) break;
    expect(tf.memory().numTensors).to.equal(before);
  });
});
