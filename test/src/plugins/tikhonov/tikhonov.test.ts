import { createRng, createSequenceModel, type PassOptions, type SequenceModel } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { refusal } from '../../support/errors.js';
import { buildModel, smallModel, testRegistry, tokenBatch } from '../../support/models.js';
import { context } from '../../support/perturbations.js';
import { itRefuses, technique } from '../../support/techniques.js';

const name = 'tikhonov';
const lambda = 0.3;
const pass: PassOptions = { phase: 'train', copies: 1, average: 'log-probabilities', rng: createRng(6) };

/** Checks value and every gradient of the penalty alone against its formula; which parameters it is to cover. */
async function compare(model: SequenceModel, q: number, covered: readonly string[]): Promise<void> {
  const weights = model.initialize(createRng(3));
  // Exact zeros, as sparse starts have them.
  const recurrent = Object.keys(weights).find((parameter) => parameter.startsWith('layer-0/recurrent'))!;
  const some = tf.tidy(() => tf.mul(weights[recurrent]!, tf.cast(tf.greater(weights[recurrent]!, 0), 'float32')));
  weights[recurrent]!.dispose();
  weights[recurrent] = some;

  const start = model.initialState(2);
  const tensors = tf.memory().numTensors;
  const result = model.lossAndGradients(weights, tokenBatch(2, 2), start, 0, pass);
  let expected = 0;
  for (const [parameter, weight] of Object.entries(weights)) {
    const values = (await weight.data()) as Float32Array;
    const gradient = await result.gradients[parameter]!.data();
    const counts = covered.includes(parameter);
    if (counts) expected += lambda * values.reduce((sum, w) => sum + Math.abs(w) ** q, 0);
    for (const [i, w] of values.entries()) {
      const exact = counts ? lambda * (q === 2 ? 2 * w : Math.sign(w)) : 0;
      expect(Math.abs(gradient[i]! - exact), `${parameter}[${i}]`).to.be.at.most(1e-6 * Math.abs(exact));
    }
  }
  expect(covered.every((parameter) => parameter in weights)).to.equal(true);
  expect((await result.loss.data())[0]).to.be.closeTo(expected, 1e-5 * expected);
  tf.dispose(result as never);
  expect(tf.memory().numTensors).to.equal(tensors);
  tf.dispose([weights, start as never]);
}

describe('tikhonov', () => {
  const layers = (parameter: string) => [`layer-0/${parameter}`, `layer-1/${parameter}`];

  for (const q of [1, 2]) {
    const formula = q === 2 ? '2 λ W' : 'λ sign(W)';
    const model = (matrices: object, changes: object = {}) =>
      buildModel({ tied: false, ...changes }, [technique({ name, lambda, q, ...matrices })]);

    it(`L${q} of input, recurrent and output matrices: gradient ${formula}, none of biases and embedding`, () =>
      compare(model({}), q, [...layers('input'), ...layers('recurrent'), 'output/weight']));

    for (const [matrix, covered] of [
      ['input', layers('input')],
      ['recurrent', layers('recurrent')],
      ['output', ['output/weight']],
      ['embedding', ['embedding']],
    ] as const)
      it(`L${q} of the ${matrix} alone`, () => compare(model({ matrices: [matrix] }), q, covered));

    it(`L${q} with tied weights: the output is the embedding, and counts once`, async () => {
      await compare(model({ matrices: ['output'] }, { tied: true }), q, ['embedding']);
      await compare(model({ matrices: ['output', 'embedding'] }, { tied: true }), q, ['embedding']);
    });

    it(`L${q} covers every recurrent matrix of a cell`, () =>
      compare(model({ matrices: ['recurrent'] }, { cell: { name: 'gru', reset: 'before' } }), q, [
        ...layers('recurrent-gates'),
        ...layers('recurrent-candidate'),
      ]));
  }

  it('perturbs nothing, and is nothing at λ = 0', () => {
    const { regularizer } = technique({ name, lambda });
    for (const phase of ['train', 'evaluate', 'sample'] as const)
      expect(regularizer.perturb(context([4], { phase }))).to.deep.equal([]);
    expect(technique({ name, lambda: 0 }).regularizer.penalty).to.equal(undefined);
  });

  it('refuses the embedding of a model of frames', () => {
    const model = createSequenceModel({
      config: smallModel,
      task: { kind: 'frames', likelihood: 'bernoulli', size: 4, metric: 'nll-per-step' } as never,
      cell: testRegistry().create('cell', 'rnn'),
      regularizers: [technique({ name, lambda, matrices: ['embedding'] })],
    });
    const weights = model.initialize(createRng(3));
    const start = model.initialState(2);
    const frames = new Float32Array(2 * 2 * 4);
    const batch = { steps: 2, batch: 2, inputs: frames, targets: frames, mask: null };
    refusal('RNNX_OPTION_CONFLICT', () => model.lossAndGradients(weights, batch, start, 1, pass));
    tf.dispose([weights, start as never]);
  });

  itRefuses(name, [
    ['no λ', {}, 'lambda'],
    ['a negative λ', { lambda: -1 }],
    ['another power', { lambda, q: 3 }],
    ['no matrices', { lambda, matrices: [] }],
    ['an unknown matrix', { lambda, matrices: ['bias'] }],
  ]);
});
