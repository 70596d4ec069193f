import { createRng, generate, restoreWeights, type TrainingRun, train } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { buildModel, wordTask } from '../../support/models.js';
import { collect, evaluation, FakeModel, languageData, lastSnapshot, ofType, training } from './fake-model.js';

/** An LSTM of two layers with everything at once: learned spread, Monte Carlo copies, clipping, look-ahead momentum. */
function setUp(): TrainingRun {
  const noisin = { name: 'noisin', spread: 0.5, learned: true, samples: 2, evaluation: 'probabilities' };
  return {
    model: buildModel({}, [noisin], 5),
    dataset: { ...languageData(), task: wordTask(5) },
    training: {
      ...training,
      epochs: 3,
      checkpointEvery: 3,
      clipNorm: 1,
      optimizer: { name: 'momentum', learningRate: 0.5, momentum: 0.5, nesterov: true },
    },
    evaluation,
    seed: 3,
  };
}

describe('training an LSTM with learned noise', () => {
  it('learns, resumes to the same bits, generates and leaks nothing', async () => {
    const before = tf.memory().numTensors;
    const events = await collect(train(setUp()));
    const epochs = ofType(events, 'epoch');
    expect(epochs.at(-1)!.valid.nll).to.be.lessThan(epochs[0]!.valid.nll);
    const spreads = epochs.map(({ scalars }) => Object.values(scalars));
    expect(spreads[0]!.length).to.equal(2); // one a layer
    expect(spreads[0]).to.not.deep.equal(spreads[2]); // and they are trained

    const middle = ofType(events, 'checkpoint')[0]!.snapshot;
    expect(middle.progress).to.include({ epoch: 0, step: 3 });
    const rest = await collect(train(setUp(), { resume: middle }));
    expect(lastSnapshot(rest)).to.deep.equal(lastSnapshot(events));

    const { model } = setUp();
    const weights = restoreWeights(lastSnapshot(events));
    const tokens: number[] = [];
    const options = { prompt: Int32Array.of(1), length: 6, temperature: 0.8, rng: createRng(2) };
    for await (const token of generate(model, weights, options)) tokens.push(token);
    expect(tokens.length).to.equal(6);
    tf.dispose(weights);
    expect(tf.memory().numTensors).to.equal(before);
  });
});

describe('a thousand steps', () => {
  it('do not grow the memory', async () => {
    const run: TrainingRun = {
      ...setUp(),
      model: new FakeModel(),
      dataset: languageData(1000, 4),
      training: { ...training, epochs: 1, batchSize: 1, bptt: 1, reportEvery: 100 },
    };
    const sizes = new Set<string>();
    for await (const event of train(run)) {
      const { numTensors, numDataBuffers, numBytes } = tf.memory();
      if (event.type === 'step') sizes.add(`${numTensors} ${numDataBuffers} ${numBytes}`);
      if (event.type === 'epoch') expect(event.train.count).to.equal(1000);
    }
    expect(sizes.size).to.equal(1);
  });
});
