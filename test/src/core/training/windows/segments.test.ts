import { createRng, RnnxError, restoreWeights, type TrainingRun, train, trainingWindows } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  collect,
  evaluation,
  FakeModel,
  frameTask,
  languageData,
  languageTask,
  lastSnapshot,
  ofType,
  sequences,
  training,
} from '../fake-model.js';

const options = { batchSize: 2, bptt: 4, carryState: false, segments: 'shuffled' } as const;
const split = (count: number) => ({ kind: 'tokens', tokens: Int32Array.from({ length: count }, (_, i) => i) }) as const;

/** Segments of an epoch in the order in which they come: the targets of each, and its inputs. */
function segmentsOf(count: number, epoch: string, changes: Partial<typeof options> & { batchSize?: number } = {}) {
  const plan = trainingWindows(split(count), languageTask, { ...options, ...changes }, createRng(1).stream(epoch));
  return Array.from({ length: plan.length }, (_, i) => plan.at(i)).flatMap(({ batch, fresh, count: counted }) => {
    expect([fresh, batch.start, batch.mask]).to.deep.equal([true, 0, null]);
    expect(counted).to.equal(batch.steps * batch.batch);
    return Array.from({ length: batch.batch }, (_, b) => {
      const column = (values: ArrayLike<number>) =>
        Array.from({ length: batch.steps }, (_, t) => values[t * batch.batch + b]!);
      return { inputs: column(batch.inputs), targets: column(batch.targets) };
    });
  });
}

describe('shuffled segments of tokens', () => {
  it('are contiguous, do not overlap, each after the token before it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 8, max: 90 }), fc.integer({ min: 1, max: 50 }), (count, epoch) => {
        const segments = segmentsOf(count, `epoch-${epoch}`);
        const starts = segments.map(({ targets }) => targets[0]!);
        expect(new Set(starts.map((first) => first % 4)).size, 'one crop for all').to.equal(1);
        expect(new Set(starts).size).to.equal(starts.length);
        for (const { inputs, targets } of segments) {
          expect(targets).to.deep.equal([0, 1, 2, 3].map((t) => targets[0]! + t));
          expect(inputs).to.deep.equal(targets.map((token) => (token === 0 ? languageTask.start : token - 1)));
        }
        // Nothing that fills a minibatch of segments is left out.
        const offset = Math.min(...starts) % 4;
        expect(segments.length).to.be.at.least(Math.floor((count - 3) / 4 / 2) * 2);
        expect(segments.length).to.equal(Math.floor((count - offset) / 4 / 2) * 2);
      }),
    );
  });

  it('come in another order from another crop each epoch, the same for the same epoch', () => {
    const epochs = Array.from({ length: 40 }, (_, e) =>
      segmentsOf(203, `epoch-${e}`).map(({ targets }) => targets[0]!),
    );
    expect(segmentsOf(203, 'epoch-3').map(({ targets }) => targets[0]!)).to.deep.equal(epochs[3]);
    expect(new Set(epochs.map((starts) => starts[0]! % 4)).size, 'crops').to.equal(4);
    expect(new Set(epochs.map(String)).size, 'orders').to.equal(epochs.length);
    for (const starts of epochs) expect(starts).to.not.deep.equal([...starts].sort((a, b) => a - b));
  });

  it('keep one minibatch of a text that holds no more', () => {
    for (let epoch = 0; epoch < 10; epoch++) {
      const starts = segmentsOf(8, `epoch-${epoch}`).map(({ targets }) => targets[0]!);
      expect(starts.sort()).to.deep.equal([0, 4]);
    }
    expect(() => segmentsOf(7, 'epoch-1'))
      .to.throw(RnnxError, /7 tokens\n.*at least 8/)
      .with.property('code', 'RNNX_DATA_TOO_SMALL');
  });

  it('are refused for sequences, which are shuffled anyway', () => {
    const frames = { kind: 'frames', sequences: sequences([4, 5]) } as const;
    const labelled = { kind: 'labelled', sequences: sequences([4, 5]), labels: Int32Array.of(0, 1) } as const;
    const classes = { kind: 'classification', size: 2, classes: ['a', 'b'], metric: 'error-rate' } as const;
    const refused = (run: () => unknown) =>
      expect(run)
        .to.throw(RnnxError, /segments/)
        .with.property('code', 'RNNX_OPTION_CONFLICT');
    refused(() => trainingWindows(frames, frameTask, options, createRng(1)));
    refused(() => trainingWindows(labelled, classes, { ...options, bptt: 9 }, createRng(1)));
  });

  it('resume to the same bits, in the middle of an epoch and between two', async () => {
    const run = (): TrainingRun => ({
      model: new FakeModel({ noise: 0.2 }),
      dataset: languageData(75),
      training: { ...training, ...options, epochs: 4, checkpointEvery: 3 },
      evaluation,
      seed: 7,
    });
    const events = await collect(train(run()));
    for (const { snapshot } of ofType(events, 'checkpoint')) {
      if (snapshot.progress.epoch === 4) continue;
      const rest = await collect(train(run(), { resume: snapshot }));
      expect(lastSnapshot(rest)).to.deep.equal(lastSnapshot(events));
    }
    const streamed = { ...run(), training: { ...run().training, segments: 'streamed' as const } };
    const [mine, other] = [lastSnapshot(events), lastSnapshot(await collect(train(streamed)))].map(restoreWeights);
    expect([...(await mine!.input!.data())]).to.not.deep.equal([...(await other!.input!.data())]);
    tf.dispose([mine!, other!]);
  });
});
