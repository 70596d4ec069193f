import { createRng, type GenerateOptions, generate, RnnxError } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { FakeModel, type FakeOptions, frameTask, languageTask } from './fake-model.js';

const defaults: GenerateOptions = { prompt: Int32Array.of(1, 2), length: 12, temperature: 1, rng: createRng(5) };

async function text(options: Partial<GenerateOptions> = {}, fake: FakeOptions = {}) {
  const model = new FakeModel(fake);
  const weights = model.initialize(createRng(1));
  const tokens: number[] = [];
  for await (const token of generate(model, weights, { ...defaults, ...options })) tokens.push(token);
  tf.dispose(weights);
  return { tokens, model };
}

describe('generation', () => {
  it('feeds start token, prompt and then each token that it made', async () => {
    const { tokens, model } = await text();
    expect(tokens.length).to.equal(12);
    expect(tokens.every((token) => token >= 0 && token < 5)).to.equal(true);
    const inputs = model.calls.map(({ batch }) => [...batch.inputs]);
    expect(inputs).to.deep.equal([[languageTask.start, 1, 2], ...tokens.slice(0, -1).map((token) => [token])]);
    expect(model.calls.slice(1).every(({ state }) => state.some((x) => x !== 0))).to.equal(true);
  });

  it('gives the same tokens for the same generator, others for another, a shorter text being a prefix', async () => {
    const { tokens } = await text();
    expect((await text()).tokens).to.deep.equal(tokens);
    expect((await text({ length: 5 })).tokens).to.deep.equal(tokens.slice(0, 5));
    expect((await text({ rng: createRng(6) })).tokens).to.not.deep.equal(tokens);
  });

  it('takes the likeliest token at temperature 0, as it nearly always does close to 0', async () => {
    const { tokens } = await text({ temperature: 0 });
    expect((await text({ temperature: 0, rng: createRng(6) })).tokens).to.deep.equal(tokens);
    expect((await text({ temperature: 1e-6 })).tokens).to.deep.equal(tokens);
  });

  it('follows the model’s distribution, sharpened by the temperature', async () => {
    const model = new FakeModel();
    const weights = model.initialize(createRng(1));
    const one = {
      steps: 1,
      batch: 1,
      inputs: Int32Array.of(languageTask.start),
      targets: new Int32Array(1),
      mask: null,
    };
    const state = model.initialState(1);
    const options = { phase: 'evaluate', copies: 1, average: 'probabilities', rng: createRng(1) } as const;
    const next = model.nextLogProbabilities(weights, one, state, options);
    const logits = [...(await next.logProbabilities.data())];
    tf.dispose([state[0]!.h!, next.logProbabilities, next.state[0]!.h!]);
    const draws = 2000;
    for (const temperature of [1, 0.5]) {
      const powers = logits.map((x) => Math.exp(x / temperature));
      const sum = powers.reduce((a, b) => a + b);
      const counts = Array(5).fill(0) as number[];
      for (let i = 0; i < draws; i++) {
        const rng = createRng(i);
        const drawn = generate(model, weights, { prompt: new Int32Array(), length: 1, temperature, rng });
        for await (const token of drawn) counts[token]!++;
      }
      // Chi-square with 4 degrees of freedom: 23.5 is exceeded with probability 1e-4.
      const chi = counts.reduce((total, n, i) => {
        const expected = (draws * powers[i]!) / sum;
        return total + (n - expected) ** 2 / expected;
      }, 0);
      expect(chi).to.be.lessThan(23.5);
    }
    tf.dispose(weights);
  });

  it('samples with as many copies as an evaluation', async () => {
    const monteCarlo = { train: 1, evaluate: 3, average: 'probabilities' } as const;
    const { model } = await text({}, { noise: 0.3, monteCarlo });
    for (const { options, state } of model.calls) {
      expect(options).to.include({ phase: 'sample', copies: 3 });
      expect(state.length).to.equal(9);
    }
  });

  it('frees everything, also when the reader stops early', async () => {
    const model = new FakeModel();
    const weights = model.initialize(createRng(1));
    const before = tf.memory().numTensors;
    for await (const token of generate(model, weights, defaults)) if (token >= 0) break;
    expect(tf.memory().numTensors).to.equal(before);
    for await (const token of generate(model, weights, defaults)) expect(token).to.be.a('number');
    expect(tf.memory().numTensors).to.equal(before);
    tf.dispose(weights);
  });

  const bad: Record<string, [Partial<GenerateOptions>, RegExp, FakeOptions?]> = {
    'a negative temperature': [{ temperature: -0.1 }, /temperature.*\n.*-0.1/],
    'a temperature that is no number': [{ temperature: Number.NaN }, /temperature.*\n.*NaN/],
    'an infinite temperature': [{ temperature: Number.POSITIVE_INFINITY }, /temperature.*\n.*Infinity/],
    'a negative length': [{ length: -1 }, /length.*\n.*-1/],
    'a fractional length': [{ length: 1.5 }, /length.*\n.*1.5/],
    'a prompt outside the vocabulary': [{ prompt: Int32Array.of(0, 5) }, /prompt.*\n.*5\n.*0 to 4/],
    'a negative token': [{ prompt: Int32Array.of(-1) }, /prompt.*\n.*-1/],
    'a model of frames': [{}, /language models.*\n.*frames/, { task: frameTask }],
  };
  for (const [what, [options, message, fake]] of Object.entries(bad))
    it(`refuses ${what} at once`, () => {
      expect(() => generate(new FakeModel(fake), {}, { ...defaults, ...options }))
        .to.throw(RnnxError, message)
        .with.property('code', 'RNNX_OPTION_INVALID');
    });
});
