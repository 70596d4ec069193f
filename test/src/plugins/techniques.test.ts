import type { PassResult } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import {
  batch,
  type Draw,
  drawsOf,
  modelOf,
  passOf,
  sizes,
  techniqueCases,
  weightsOf,
} from '../golden/technique-cases.js';
import { readGolden } from '../support/golden.js';
import { relativeError } from '../support/reference-model.js';

interface Golden {
  readonly id: string;
  readonly draws: readonly Draw[];
  readonly nll: number;
  readonly loss: number;
  /** h after the last step, by layer. */
  readonly hidden: readonly number[][];
  /** Of training cases. */
  readonly gradients?: Readonly<Record<string, number[]>>;
}

const golden = readGolden<{ cases: Golden[] }>('techniques.json').cases;
const tolerance = 1e-5;

async function compare({ nll, state }: PassResult, expected: number, hidden: Golden['hidden']): Promise<void> {
  expect(relativeError(await nll.data(), [expected]), 'nll').to.be.below(tolerance);
  for (const [layer, { h }] of state.entries())
    expect(relativeError(await h!.data(), hidden[layer]!), `h of layer ${layer}`).to.be.below(tolerance);
}

describe('techniques against PyTorch with the same masks', () => {
  it('has a reference for every case', () =>
    expect(golden.map(({ id }) => id)).to.deep.equal(techniqueCases.map(({ id }) => id)));

  for (const [i, entry] of techniqueCases.entries())
    it(entry.id, async () => {
      const { draws, nll, loss, hidden, gradients } = golden[i]!;
      const model = modelOf(entry);
      expect(await drawsOf(entry, model), 'the masks that PyTorch was given').to.deep.equal(draws);

      const weights = weightsOf(model);
      const options = passOf(entry);
      const start = model.initialState(sizes.B * options.copies);
      const tensors = tf.memory().numTensors;
      if (gradients === undefined) {
        const result = model.score(weights, batch, start, options);
        await compare(result, nll, hidden);
        tf.dispose(result as never);
      } else {
        const result = model.lossAndGradients(weights, batch, start, 1 / sizes.B, options);
        await compare(result, nll, hidden);
        expect(relativeError(await result.loss.data(), [loss]), 'loss').to.be.below(tolerance);
        expect(Object.keys(result.gradients)).to.have.members(Object.keys(gradients));
        for (const [name, gradient] of Object.entries(result.gradients))
          expect(relativeError(await gradient.data(), gradients[name]!), name).to.be.below(tolerance);
        tf.dispose(result as never);
      }
      expect(tf.memory().numTensors, 'tensors left behind').to.equal(tensors);
      tf.dispose([weights, start as never]);
    });
});
