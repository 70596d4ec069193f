import { createRng, type PassOptions, type PerturbContext, type Rng } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { buildModel, testRegistry, tokenBatch } from '../../support/models.js';
import { relativeError } from '../../support/reference-model.js';

const noisin = { name: 'noisin', spread: 0.8 };
const [steps, batch] = [4, 2];

async function nll(copies: number, average: PassOptions['average'], regularizers: (typeof noisin)[]): Promise<number> {
  const model = buildModel({}, regularizers);
  const weights = model.initialize(createRng(2));
  const options = { phase: 'sample', copies, average, rng: createRng(6) } as const;
  const result = model.score(weights, tokenBatch(steps, batch), model.initialState(batch * copies), options);
  const [value] = await result.nll.data();
  tf.dispose([weights, result as never]);
  return value!;
}

describe('Monte Carlo copies', () => {
  it('give the plain value where there is no noise', async () => {
    const plain = await nll(1, 'probabilities', []);
    expect(await nll(5, 'probabilities', [])).to.be.closeTo(plain, 1e-5 * plain);
    expect(await nll(5, 'log-probabilities', [])).to.be.closeTo(plain, 1e-5 * plain);
  });

  it('average log-probabilities or probabilities, as the formula over single chains says', async () => {
    const copies = 3;
    const model = buildModel({}, [noisin]);
    const weights = model.initialize(createRng(2));
    const data = tokenBatch(steps, batch);
    const rng = createRng(6);
    // Each chain alone: the same noise, cut out of that of all chains, one prediction at a time through the mask.
    const context = { phase: 'sample', model: model.shape, batch: batch * copies, steps, parameters: {} } as const;
    const all = buildNoise(model.shape.layers.length, rng, context);
    const chains: number[][] = [];
    for (let k = 0; k < copies; k++) {
      const chain = buildModel({}, [
        {
          name: 'given',
          regularizer: {
            perturb: () =>
              all.map((value, layer) => ({
                site: 'hidden' as const,
                layer,
                kind: 'scale' as const,
                value: tf.slice(value, [0, k * batch, 0], [-1, batch, -1]),
              })),
          },
        },
      ]);
      const each: number[] = [];
      for (let i = 0; i < steps * batch; i++) {
        const mask = Float32Array.from({ length: steps * batch }, (_, j) => Number(i === j));
        const options = { phase: 'sample', copies: 1, average: 'probabilities', rng } as const;
        const result = chain.score(weights, { ...data, mask }, chain.initialState(batch), options);
        each.push((await result.nll.data())[0]!);
        tf.dispose(result as never);
      }
      chains.push(each);
    }
    let [ofProbabilities, ofLogs] = [0, 0];
    for (let i = 0; i < steps * batch; i++) {
      const values = chains.map((each) => each[i]!);
      ofProbabilities -= Math.log(values.reduce((sum, v) => sum + Math.exp(-v), 0) / copies);
      ofLogs += values.reduce((sum, v) => sum + v, 0) / copies;
    }
    expect(ofLogs).to.be.above(ofProbabilities + 1e-3); // Jensen
    expect(await nll(copies, 'probabilities', [noisin])).to.be.closeTo(ofProbabilities, 1e-4);
    expect(await nll(copies, 'log-probabilities', [noisin])).to.be.closeTo(ofLogs, 1e-4);
    tf.dispose([weights, all]);
  });

  it('train on the mean over the copies: without noise the gradient is the plain one', async () => {
    const gradients = async (copies: number) => {
      const model = buildModel();
      const weights = model.initialize(createRng(2));
      const options = { phase: 'train', copies, average: 'log-probabilities', rng: createRng(6) } as const;
      const result = model.lossAndGradients(
        weights,
        tokenBatch(steps, batch),
        model.initialState(batch * copies),
        0.5,
        options,
      );
      return Object.fromEntries(
        await Promise.all(Object.entries(result.gradients).map(async ([name, g]) => [name, await g.data()] as const)),
      );
    };
    const [one, four] = [await gradients(1), await gradients(4)];
    for (const name of Object.keys(one)) expect(relativeError(four[name]!, one[name]!), name).to.be.below(1e-5);
  });
});

function buildNoise(layers: number, rng: Rng, context: object): tf.Tensor[] {
  const regularizer = testRegistry().create('regularizer', noisin);
  const perturbations = regularizer.perturb({ ...context, rng: rng.stream('noisin') } as PerturbContext);
  expect(perturbations).to.have.length(layers);
  return perturbations.map((perturbation) => (perturbation as { value: tf.Tensor }).value);
}
