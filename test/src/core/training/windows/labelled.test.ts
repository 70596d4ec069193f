import {
  type ClassificationTask,
  createRng,
  createSequenceModel,
  type Dataset,
  evaluate,
  evaluationWindows,
  type LabelledSplit,
  type NamedRegularizer,
  type PassResult,
  RnnxError,
  type TrainingRun,
  train,
  trainingWindows,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { smallModel, testRegistry } from '../../../support/models.js';
import { collect, languageTask, lastSnapshot, ofType, training } from '../fake-model.js';

const task: ClassificationTask = { kind: 'classification', size: 2, classes: ['low', 'high'], metric: 'error-rate' };
const order = createRng(1);

/** Sequence n holds n + 1 + i / 100; its label is n % 2. */
function labelled(lengths: readonly number[]): LabelledSplit {
  return {
    kind: 'labelled',
    sequences: lengths.map((length, n) => Float32Array.from({ length: length * 2 }, (_, i) => n + 1 + i / 100)),
    labels: Int32Array.from(lengths, (_, n) => n % 2),
  };
}

const options = { batchSize: 2, bptt: 9, carryState: true };
const all = (plan: ReturnType<typeof evaluationWindows<LabelledSplit>>) =>
  Array.from({ length: plan.length }, (_, i) => plan.at(i));

describe('windows of labelled sequences', () => {
  it('hold whole sequences in training, padded at the end, with the step at which each ends', () => {
    const [only] = all(trainingWindows(labelled([2, 3]), task, options, order));
    const { batch } = only!;
    const first = Math.floor(batch.inputs[0]!) - 1; // which of the two came first
    const lengths = first === 0 ? [2, 3] : [3, 2];
    expect([...batch.ends]).to.deep.equal(lengths.map((length) => length - 1));
    expect([...batch.labels]).to.deep.equal(first === 0 ? [0, 1] : [1, 0]);
    expect(batch.mask && [...batch.mask]).to.deep.equal(first === 0 ? [1, 1, 1, 1, 0, 1] : [1, 1, 1, 1, 1, 0]);
    expect([only!.fresh, only!.count, only!.read, batch.start]).to.deep.equal([true, 2, 5, 0]);
  });

  it('count each sequence once at its end, with every frame once in order, whatever the sizes', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 9 }), (of, batchSize, steps) => {
        const split = labelled(of);
        const seen = of.map((): number[] => []);
        const counted: number[] = [];
        let first = 0;
        const windows = all(evaluationWindows(split, task, { batchSize, steps }));
        for (const [i, { batch, fresh, count, read }] of windows.entries()) {
          if (fresh && i > 0) first += windows[i - 1]!.batch.batch;
          expect(fresh).to.equal(batch.start === 0);
          let frames = 0;
          for (let b = 0; b < batch.batch; b++) {
            expect(batch.labels[b]).to.equal(split.labels[first + b]);
            for (let t = 0; t < batch.steps; t++) {
              const at = t * batch.batch + b;
              const pair = [...batch.inputs.subarray(2 * at, 2 * at + 2)];
              if (batch.mask === null || batch.mask[at] === 1) {
                seen[first + b]!.push(...pair);
                frames++;
                if (batch.ends[b] === t) counted.push(first + b);
              } else expect(pair).to.deep.equal([0, 0]);
            }
          }
          expect(count).to.equal(batch.ends.filter((end) => end >= 0).length);
          expect(read).to.equal(frames);
        }
        expect(seen).to.deep.equal(split.sequences.map((sequence) => [...sequence]));
        expect(counted.sort((a, b) => a - b)).to.deep.equal(of.map((_, n) => n));
      }),
    );
  });

  it('are shuffled by the epoch’s generator, and leave a smaller last minibatch out where told to', () => {
    const firsts = (epoch: string, dropLast: boolean) =>
      all(
        trainingWindows(
          labelled(Array(11).fill(3)),
          task,
          { ...options, batchSize: 4, dropLast },
          createRng(1).stream(epoch),
        ),
      ).map(({ batch }) => [...batch.labels.keys()].map((b) => Math.floor(batch.inputs[b * 2]!)));
    expect(firsts('a', false).map((group) => group.length)).to.deep.equal([4, 4, 3]);
    expect(firsts('a', true)).to.deep.equal(firsts('a', false).slice(0, 2));
    expect(
      firsts('a', false)
        .flat()
        .sort((a, b) => a - b),
    ).to.deep.equal(Array.from({ length: 11 }, (_, n) => n + 1));
    expect(firsts('a', false)).to.not.deep.equal(firsts('b', false));
    const alone = trainingWindows(labelled([3]), task, { ...options, dropLast: true }, order);
    expect(alone.length, 'the only one stays').to.equal(1);
  });

  it('refuse to cut sequences in training', () => {
    expect(() => trainingWindows(labelled([3, 12]), task, options, order))
      .to.throw(RnnxError, /bptt 9 and a sequence of 12 steps.*"train"\n.*at least 12/)
      .with.property('code', 'RNNX_OPTION_CONFLICT');
  });

  it('refuse splits that make no sense', () => {
    const good = labelled([3, 3]);
    const cases: [string, LabelledSplit, RegExp][] = [
      ['RNNX_DATA_TOO_SMALL', labelled([]), /0 sequences/],
      ['RNNX_SHAPE_MISMATCH', { ...good, labels: Int32Array.of(1) }, /1 labels/],
      ['RNNX_SHAPE_MISMATCH', { ...good, labels: Int32Array.of(0, 2) }, /Label 1[\s\S]*2[\s\S]*0 to 1/],
      ['RNNX_SHAPE_MISMATCH', { ...good, labels: Int32Array.of(-1, 1) }, /Label 0[\s\S]*-1/],
      [
        'RNNX_SHAPE_MISMATCH',
        { ...good, sequences: [new Float32Array(2), new Float32Array(3)] },
        /Sequence 1[\s\S]*width 2/,
      ],
      ['RNNX_SHAPE_MISMATCH', { ...good, sequences: [new Float32Array(0), new Float32Array(2)] }, /Sequence 0/],
    ];
    for (const [code, split, message] of cases)
      for (const cut of [
        () => trainingWindows(split, task, options, order),
        () => evaluationWindows(split, task, { batchSize: 1, steps: 4 }),
      ])
        expect(cut).to.throw(RnnxError, message).with.property('code', code);
    expect(() => trainingWindows(good, languageTask, options, order)).to.throw(
      RnnxError,
      /labelled sequences for a task/,
    );
  });
});

/** The class is the sign of the first frame; the rest is noise. */
function firstFrame(count: number, seed: string): LabelledSplit {
  const rng = createRng(3).stream(seed);
  const signs = Array.from(rng.stream('signs').uniforms(count), (u) => Number(u < 0.5));
  const sequences = signs.map((sign, n) => {
    const frames = rng
      .stream(`${n}`)
      .normals(2 * (3 + (n % 4)))
      .map((value) => value / 4);
    frames[0] = sign === 1 ? 1 : -1;
    return frames;
  });
  return { kind: 'labelled', sequences, labels: Int32Array.from(signs) };
}

describe('training a classifier', () => {
  const dataset: Dataset = {
    name: 'first-frame',
    task,
    splits: { train: firstFrame(50, 'train'), valid: firstFrame(23, 'valid'), test: firstFrame(10, 'test') },
    notes: ['made here'],
  };
  const build = (regularizers: readonly NamedRegularizer[] = []) =>
    createSequenceModel({
      config: { ...smallModel, layers: 1, hiddenSize: 8, tied: false },
      task,
      cell: testRegistry().create('cell', 'lstm'),
      regularizers,
    });
  const run = (regularizers?: readonly NamedRegularizer[]): TrainingRun => ({
    model: build(regularizers),
    dataset,
    training: {
      ...training,
      epochs: 6,
      batchSize: 8,
      bptt: 6,
      checkpointEvery: 4,
      optimizer: { name: 'adam', learningRate: 0.05, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    },
    evaluation: { batchSize: 5, steps: 2 },
    seed: 4,
  });

  it('learns, and tells its error rate in steps, epochs and scores', async () => {
    const before = tf.memory().numTensors;
    const events = await collect(train(run()));
    const epochs = ofType(events, 'epoch');
    expect(epochs.at(-1)!.valid.errors).to.equal(0);
    for (const { train: trained, valid } of epochs) {
      expect([trained.count, valid.count]).to.deep.equal([50, 23]);
      expect(trained.metric).to.be.closeTo((100 * trained.errors!) / 50, 1e-9);
      expect(valid.metric).to.be.closeTo((100 * valid.errors!) / 23, 1e-9);
    }
    expect(epochs[0]!.train.errors).to.be.above(0);
    const steps = ofType(events, 'step').filter(({ epoch }) => epoch === 1);
    const sizes = [8, 8, 8, 8, 8, 8, 2];
    const summed = steps.reduce((sum, { metric }, i) => sum + (metric * sizes[i]!) / 100, 0);
    expect(summed, 'errors of the steps').to.be.closeTo(epochs[0]!.train.errors!, 1e-9);
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('resumes to the same bits, the count of errors too', async () => {
    const events = await collect(train(run()));
    const middle = ofType(events, 'checkpoint').find(({ snapshot }) => snapshot.progress.step === 4)!.snapshot;
    expect(middle.progress.epochErrors).to.be.above(0);
    const rest = await collect(train(run(), { resume: middle }));
    expect(lastSnapshot(rest)).to.deep.equal(lastSnapshot(events));
    expect(ofType(rest, 'epoch')[0]!.train).to.deep.equal(ofType(events, 'epoch')[0]!.train);
  });

  it('scores the same however an evaluation is cut', async () => {
    const model = build();
    const weights = model.initialize(createRng(2));
    const scoreOf = (batchSize: number, steps: number) =>
      evaluate(model, weights, dataset.splits.valid, { batchSize, steps }, createRng(1));
    const whole = await scoreOf(1, 100);
    expect(whole.count).to.equal(23);
    for (const [batchSize, steps] of [
      [4, 1],
      [23, 3],
      [7, 100],
    ] as const) {
      const cut = await scoreOf(batchSize, steps);
      expect([cut.count, cut.errors, cut.metric]).to.deep.equal([23, whole.errors, whole.metric]);
      expect(cut.nll).to.be.closeTo(whole.nll, 1e-6);
    }
    tf.dispose(weights);
  });

  it('leaves the last, smaller minibatch out where a regularizer takes statistics of minibatches', async () => {
    const sizes: number[] = [];
    const watching: NamedRegularizer = {
      name: 'watching',
      regularizer: {
        estimationBatches: 1,
        perturb: ({ phase, batch }) => {
          if (phase === 'train') sizes.push(batch);
          return [];
        },
      },
    };
    const { training, ...rest } = run([watching]);
    const [epoch] = ofType(await collect(train({ ...rest, training: { ...training, epochs: 1 } })), 'epoch');
    expect(sizes).to.deep.equal(Array(6).fill(8));
    expect(epoch!.train.count).to.equal(48);
  });

  it('stops where the probabilities are no numbers, though an error rate is finite', async () => {
    const setUp = run();
    const score = setUp.model.score.bind(setUp.model);
    setUp.model.score = (...args) => {
      const result = score(...args);
      return { ...result, nll: tf.tidy(() => tf.mul(result.nll, Number.NaN)) as tf.Scalar };
    };
    let error: unknown;
    try {
      await collect(train(setUp));
    } catch (caught) {
      error = caught;
    }
    expect(error).to.be.instanceOf(RnnxError).with.property('code', 'RNNX_NONFINITE');
    expect((error as RnnxError).message).to.match(/validation NLL became NaN after epoch 1/);
  });

  it('refuses a model that does not count its errors', async () => {
    const forgetful = (method: 'score' | 'lossAndGradients'): TrainingRun => {
      const setUp = run();
      const whole = setUp.model[method].bind(setUp.model) as (...args: unknown[]) => PassResult;
      Object.assign(setUp.model, {
        [method]: (...args: unknown[]) => {
          const { errors, ...rest } = whole(...args);
          errors!.dispose();
          return rest;
        },
      });
      return setUp;
    };
    const before = tf.memory().numTensors;
    for (const method of ['score', 'lossAndGradients'] as const) {
      let error: unknown;
      try {
        await collect(train(forgetful(method)));
      } catch (caught) {
        error = caught;
      }
      expect(error).to.be.instanceOf(RnnxError).with.property('code', 'RNNX_SHAPE_MISMATCH');
      expect((error as RnnxError).message).to.match(/does not count its wrong predictions/);
      expect(tf.memory().numTensors).to.equal(before);
    }
  });
});
