import { type OptimizerConfig, RnnxError, restoreWeights, type Snapshot, type TrainingRun, train } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import {
  collect,
  evaluation,
  FakeModel,
  frameData,
  frameTask,
  languageData,
  lastSnapshot,
  ofType,
  training,
} from './fake-model.js';

const monteCarlo = { train: 2, evaluate: 2, average: 'probabilities' } as const;

function setUp(optimizer: OptimizerConfig, changes: Partial<TrainingRun['training']> = {}): TrainingRun {
  return {
    model: new FakeModel({ noise: 0.2, monteCarlo }),
    dataset: languageData(),
    training: {
      ...training,
      epochs: 4,
      clipNorm: 1,
      schedule: { name: 'plateau', factor: 0.5 },
      optimizer,
      ...changes,
    },
    evaluation,
    seed: 7,
  };
}

const momentum: OptimizerConfig = { name: 'momentum', learningRate: 0.05, momentum: 0.9, nesterov: true };
const optimizers: OptimizerConfig[] = [
  { name: 'sgd', learningRate: 0.2 },
  { name: 'momentum', learningRate: 0.05, momentum: 0.9, nesterov: false },
  momentum,
  { name: 'adam', learningRate: 0.05, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  { name: 'rmsprop', learningRate: 0.01, decay: 0.9, momentum: 0.9, epsilon: 1e-8, initial: 1 },
  { name: 'asgd', learningRate: -0.1, nonMonotone: 0 },
];

/** As a file would keep it: bytes and JSON, nothing shared with the original. */
function stored(snapshot: Snapshot): Snapshot {
  const tensors = Object.entries(snapshot.tensors).map(([name, { shape, data }]) => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
    return [name, { shape: [...shape], data: new Float32Array(bytes.buffer) }] as const;
  });
  return { tensors: Object.fromEntries(tensors), progress: JSON.parse(JSON.stringify(snapshot.progress)) };
}

const bits = ({ tensors }: Snapshot) =>
  Object.fromEntries(Object.entries(tensors).map(([name, { data }]) => [name, [...new Uint32Array(data.buffer)]]));

describe('resuming', () => {
  for (const optimizer of optimizers) {
    const variant = 'nesterov' in optimizer && optimizer.nesterov ? ' (nesterov)' : '';
    it(`from any step gives the bits of an uninterrupted run: ${optimizer.name}${variant}`, async () => {
      const whole = await collect(train(setUp(optimizer, { checkpointEvery: 3 })));
      const final = lastSnapshot(whole);
      const epochs = ofType(whole, 'epoch').map(({ train, valid, best, learningRate }) => ({
        train,
        valid,
        best,
        learningRate,
      }));
      const snapshots = ofType(whole, 'checkpoint').filter(({ best }) => !best);
      expect(snapshots.length).to.equal(6 + 4);
      for (const { snapshot } of snapshots) {
        const run = setUp(optimizer, { checkpointEvery: 3 });
        const rest = await collect(train(run, { resume: stored(snapshot) }));
        const reached = snapshot.progress.epoch;
        expect(
          ofType(rest, 'epoch').map(({ train, valid, best, learningRate }) => ({ train, valid, best, learningRate })),
        ).to.deep.equal(epochs.slice(reached));
        expect(rest.at(-1)).to.deep.equal(whole.at(-1));
        if (reached === 4) continue;
        expect(bits(lastSnapshot(rest))).to.deep.equal(bits(final));
        expect(lastSnapshot(rest).progress).to.deep.equal(final.progress);
      }
    });
  }

  it('covers averaging under way', async () => {
    const events = await collect(train(setUp(optimizers.at(-1)!, { checkpointEvery: 3 })));
    const midway = ofType(events, 'checkpoint').filter(
      ({ snapshot: { progress } }) => progress.averagingSince !== null && progress.step > 0,
    );
    expect(midway.length).to.be.greaterThan(0);
  });

  it('gives the same bits for sequences in random order', async () => {
    const fresh = (): TrainingRun => ({
      ...setUp(momentum, { batchSize: 2, checkpointEvery: 1, optimizer: { ...momentum, learningRate: 0.001 } }),
      model: new FakeModel({ task: frameTask, noise: 0.2, monteCarlo }),
      dataset: frameData(),
    });
    const whole = await collect(train(fresh()));
    const middle = ofType(whole, 'checkpoint').filter(({ snapshot }) => snapshot.progress.step > 0);
    for (const { snapshot } of [middle[0]!, middle[Math.floor(middle.length / 2)]!, middle.at(-1)!]) {
      const rest = await collect(train(fresh(), { resume: stored(snapshot) }));
      expect(bits(lastSnapshot(rest))).to.deep.equal(bits(lastSnapshot(whole)));
    }
  });

  it('goes on past the epochs of the run before', async () => {
    const short = await collect(train(setUp(momentum, { epochs: 2 })));
    const rest = await collect(train(setUp(momentum), { resume: lastSnapshot(short) }));
    const whole = await collect(train(setUp(momentum)));
    expect(lastSnapshot(rest)).to.deep.equal(lastSnapshot(whole));
  });

  it('leaves the snapshot as it was', async () => {
    const snapshot = lastSnapshot(await collect(train(setUp(momentum, { epochs: 1 }))));
    const copy = stored(snapshot);
    await collect(train(setUp(momentum), { resume: snapshot }));
    expect(snapshot).to.deep.equal(copy);
  });
});

describe('a snapshot that does not fit', () => {
  let snapshot: Snapshot;
  before(async () => {
    const events = await collect(train(setUp(momentum, { epochs: 1, checkpointEvery: 2 })));
    snapshot = ofType(events, 'checkpoint')[0]!.snapshot;
  });

  const without = (name: string): Snapshot => {
    const { [name]: _, ...tensors } = snapshot.tensors;
    return { ...snapshot, tensors };
  };
  const withTensor = (name: string, shape: number[], size: number): Snapshot => ({
    ...snapshot,
    tensors: { ...snapshot.tensors, [name]: { shape, data: new Float32Array(size) } },
  });
  const cases: Record<string, [() => Snapshot, Partial<TrainingRun>, RegExp]> = {
    'another seed': [() => snapshot, { seed: 8 }, /another seed\n.*7\n.*8/],
    'a missing parameter': [() => without('parameters/output'), {}, /lacks "parameters\/output"/],
    'a missing slot': [() => without('optimizer/velocity/input'), {}, /lacks "optimizer\/velocity\/input"/],
    'a missing state': [() => without('state/0/h'), {}, /lacks "state\/0\/h"/],
    'another shape': [() => withTensor('parameters/output', [5, 3], 15), {}, /another shape\n.*\[5, 3\].*\n.*\[3, 5\]/],
    'too few values': [() => withTensor('parameters/output', [3, 5], 14), {}, /14 values\n.*15 values/],
    'a surplus tensor': [() => withTensor('parameters/other', [1], 1), {}, /has "parameters\/other"/],
    'another optimizer': [
      () => snapshot,
      { training: setUp({ name: 'sgd', learningRate: 1 }).training },
      /has "optimizer\/velocity\/input"/,
    ],
    'another batch size': [
      () => snapshot,
      { training: setUp(momentum, { batchSize: 2 }).training },
      /"state\/0\/h" of another/,
    ],
    'a step that the data does not have': [
      () => ({ ...snapshot, progress: { ...snapshot.progress, step: 6 } }),
      {},
      /step 6\n.*at most 5/,
    ],
    'averages that are not there': [
      () => ({ ...snapshot, progress: { ...snapshot.progress, averagingSince: 1 } }),
      {},
      /lacks "average\/input"/,
    ],
  };
  for (const [what, [make, changes, message]] of Object.entries(cases))
    it(`is refused: ${what}`, async () => {
      const before = tf.memory().numTensors;
      const error = await collect(train({ ...setUp(momentum), ...changes }, { resume: make() })).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(RnnxError);
      expect((error as RnnxError).code).to.equal('RNNX_CHECKPOINT_MISMATCH');
      expect((error as RnnxError).message).to.match(message);
      expect(tf.memory().numTensors).to.equal(before);
    });
});

describe('the weights of a snapshot', () => {
  it('are fresh tensors with the parameters’ names', async () => {
    const events = await collect(train(setUp(momentum, { epochs: 1 })));
    const snapshot = lastSnapshot(events);
    const weights = restoreWeights(snapshot);
    expect(Object.keys(weights).sort()).to.deep.equal(['input', 'output', 'recurrent']);
    expect([...(await weights.input!.data())]).to.deep.equal([...snapshot.tensors['parameters/input']!.data]);
    tf.dispose(weights);
  });
});
