import { createRng, evaluate, type MonteCarlo, toScore } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { FakeModel, frameData, frameTask, languageData, languageTask, vocabularySize } from './fake-model.js';

const rng = createRng(3);
const valid = languageData().splits.valid;

async function scoreWith(model: FakeModel, batchSize: number, steps: number, split = valid, stream = rng) {
  const weights = model.initialize(createRng(1));
  const result = await evaluate(model, weights, split, { batchSize, steps }, stream);
  tf.dispose(weights);
  return result;
}

/** NLL of the fake network, token by token in double precision. */
async function referenceNll(model: FakeModel, tokens: Int32Array): Promise<number> {
  const weights = model.initialize(createRng(1));
  const read = async (name: string) => (await weights[name]!.array()) as number[][];
  const [input, recurrent, output] = await Promise.all([read('input'), read('recurrent'), read('output')]);
  tf.dispose(weights);
  let h = Array(model.hiddenSize).fill(0) as number[];
  let previous = languageTask.start;
  let sum = 0;
  for (const token of tokens) {
    h = h.map((_, j) => Math.tanh(input![previous]![j]! + h.reduce((s, x, i) => s + x * recurrent![i]![j]!, 0)));
    const logits = Array.from({ length: vocabularySize }, (_, v) => h.reduce((s, x, i) => s + x * output![i]![v]!, 0));
    sum += Math.log(logits.reduce((s, x) => s + Math.exp(x), 0)) - logits[token]!;
    previous = token;
  }
  return sum / tokens.length;
}

describe('evaluation', () => {
  it('is exact with one stream: the mean NLL of every token, state carried, whatever the steps a pass', async () => {
    if (valid.kind !== 'tokens') throw new Error('tokens expected');
    const expected = await referenceNll(new FakeModel(), valid.tokens);
    for (const steps of [1, 4, 7, 100]) {
      const { nll, metric, count } = await scoreWith(new FakeModel(), 1, steps);
      expect(nll).to.be.closeTo(expected, 1e-6);
      expect(metric).to.be.closeTo(Math.exp(expected), 1e-5);
      expect(count).to.equal(23);
    }
  });

  it('counts each token once with streams of different lengths', async () => {
    const scores = await Promise.all([2, 3, 4, 23, 50].map((batchSize) => scoreWith(new FakeModel(), batchSize, 4)));
    expect(scores.map(({ count }) => count)).to.deep.equal([23, 23, 23, 23, 23]);
  });

  it('does not depend on the batch size for sequences', async () => {
    const split = frameData().splits.train;
    const one = await scoreWith(new FakeModel({ task: frameTask }), 1, 3, split);
    for (const batchSize of [2, 5]) {
      const score = await scoreWith(new FakeModel({ task: frameTask }), batchSize, 3, split);
      expect(score.count).to.equal(one.count);
      expect(score.nll).to.be.closeTo(one.nll, 1e-4 * one.nll);
    }
  });

  it('does not depend on padding in front either, in a model that keeps the zero state on empty frames', async () => {
    const { train } = frameData().splits;
    if (train.kind !== 'frames') throw new Error('frames expected');
    const front = { ...train, padding: 'front' } as const;
    const one = await scoreWith(new FakeModel({ task: frameTask }), 1, 3, train);
    for (const [batchSize, steps] of [
      [2, 3],
      [5, 4],
      [5, 100],
    ] as const) {
      const score = await scoreWith(new FakeModel({ task: frameTask }), batchSize, steps, front);
      expect(score.count).to.equal(one.count);
      expect(score.nll).to.be.closeTo(one.nll, 1e-5 * one.nll);
    }
  });

  it('takes the expectation of the noise without Monte Carlo copies', async () => {
    const model = new FakeModel({ noise: 0.5 });
    const clean = await scoreWith(new FakeModel(), 1, 7);
    expect(await scoreWith(model, 1, 7)).to.deep.equal(clean);
    expect(new Set(model.calls.map(({ options }) => `${options.phase} ${options.copies}`))).to.deep.equal(
      new Set(['evaluate 1']),
    );
  });

  it('samples S copies, each with a state of its own, and averages as told', async () => {
    const nll: Record<string, number> = {};
    for (const average of ['probabilities', 'log-probabilities'] satisfies MonteCarlo['average'][]) {
      const model = new FakeModel({ noise: 0.5, monteCarlo: { train: 1, evaluate: 4, average } });
      nll[average] = (await scoreWith(model, 2, 7)).nll;
      expect(
        model.calls.every(({ options: o }) => o.phase === 'sample' && o.copies === 4 && o.average === average),
      ).to.equal(true);
      expect(model.calls.map(({ state }) => state.length)).to.deep.equal([24, 24]); // 2 streams · 4 copies · 3 units
      expect(new Set(model.calls[1]!.state).size).to.equal(24);
    }
    // Jensen: the mean of the logs is the smaller probability.
    expect(nll['log-probabilities']).to.be.greaterThan(nll.probabilities!);
  });

  it('depends on its generator only through the noise', async () => {
    const sampling = () =>
      new FakeModel({ noise: 0.5, monteCarlo: { train: 1, evaluate: 2, average: 'probabilities' } });
    const at = (stream: string) => scoreWith(sampling(), 1, 7, valid, rng.stream(stream));
    expect(await at('a')).to.deep.equal(await at('a'));
    expect((await at('a')).nll).to.not.equal((await at('b')).nll);
  });

  it('stops when aborted and frees everything, as it does otherwise', async () => {
    const model = new FakeModel();
    const weights = model.initialize(createRng(1));
    const before = tf.memory().numTensors;
    const settings = { batchSize: 1, steps: 1 };
    await evaluate(model, weights, valid, settings, rng);
    expect(tf.memory().numTensors).to.equal(before);
    const controller = new AbortController();
    const running = evaluate(model, weights, valid, settings, rng, { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 1);
    const error = await running.then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error?.message).to.equal('enough');
    expect(tf.memory().numTensors).to.equal(before);
    tf.dispose(weights);
  });

  it('writes the metric of the task', () => {
    expect(toScore({ nll: 6, count: 3 }, languageTask).metric).to.be.closeTo(Math.exp(2), 1e-12);
    expect(toScore({ nll: 6, count: 3 }, { ...languageTask, metric: 'bits-per-character' }).metric).to.be.closeTo(
      2 / Math.LN2,
      1e-12,
    );
    expect(toScore({ nll: 6, count: 3 }, frameTask)).to.deep.equal({ nll: 2, metric: 2, count: 3 });
  });
});
