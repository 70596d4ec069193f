import { createRng, createSequenceModel, type PassOptions, type SequenceModel } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { refusal } from '../../support/errors.js';
import { buildModel, smallModel, testRegistry, tokenBatch } from '../../support/models.js';
import { context, lstmShape } from '../../support/perturbations.js';
import { falseAlarm } from '../../support/statistics.js';
import {
  draw,
  expectDropped,
  expectFreshDraws,
  expectIndependent,
  itRefuses,
  places,
  technique,
} from '../../support/techniques.js';

const name = 'gal-dropout';
const rates = { input: 0.2, recurrent: 0.3, output: 0.4, embedding: 0.1 };
const none = { input: 0, recurrent: 0 };
const pass: PassOptions = { phase: 'train', copies: 1, average: 'log-probabilities', rng: createRng(6) };

describe('gal-dropout', () => {
  it('masks word types, the input and the recurrent operand of every layer, and the output', async () => {
    const made = await draw({ name, ...rates }, context([6, 7], { steps: 4, batch: 5, model: lstmShape([6, 7], 9) }));
    expect(places(made)).to.deep.equal([
      'embedding scale [5,9]',
      'input/0 scale [1,5,6]',
      'recurrent/0 scale [1,5,6]',
      'input/1 scale [1,5,6]',
      'recurrent/1 scale [1,5,7]',
      'output/1 scale [1,5,7]',
    ]);
  });

  it('has a mask for each gate where they are untied, one where there is one gate', async () => {
    const at = context([6, 7], { batch: 5 });
    expect(places(await draw({ name, input: 0.2, recurrent: 0.3, gates: 'untied' }, at))).to.deep.equal([
      'input/0 scale [1,5,4,6]',
      'recurrent/0 scale [1,5,4,6]',
      'input/1 scale [1,5,4,6]',
      'recurrent/1 scale [1,5,4,7]',
    ]);
    const { shape } = buildModel({ cell: 'rnn', layers: 1, hiddenSize: 6 });
    const single = { name, input: 0.2, recurrent: 0, gates: 'untied' };
    expect(places(await draw(single, context([6], { batch: 5, model: shape })))).to.deep.equal([
      'input/0 scale [1,5,6]',
    ]);
  });

  for (const gates of ['tied', 'untied'])
    it(`${gates}: drops a share p at each place, scales the rest, draws for every example, gate and unit; false-alarm rate ${falseAlarm}`, async () => {
      const [B, H] = [150, 60];
      const at = context([H], { batch: B, model: lstmShape([H], 9_000) });
      const made = await draw({ name, ...rates, gates }, at);
      for (const { site, values } of made) {
        const p = rates[site as keyof typeof rates];
        expectDropped(values, p, 1 / (1 - p));
        expectIndependent(values, [1, H, 4 * H]);
      }
    });

  it(`keeps no mask; false-alarm rate ${falseAlarm}`, () =>
    expectFreshDraws({ name, ...rates }, context([60, 60], { batch: 40, model: lstmShape([60, 60], 2_000) })));

  it('does nothing at rates of 0 and at evaluation, but samples', async () => {
    expect(await draw({ name, ...none }, context([4]))).to.deep.equal([]);
    expect(await draw({ name, ...rates }, context([4], { phase: 'evaluate' }))).to.deep.equal([]);
    expect(await draw({ name, ...rates }, context([4], { phase: 'sample' }))).to.have.length(4);
  });

  it('averages the probabilities of S passes in a Monte Carlo evaluation', () => {
    const wish = (samples: number) => buildModel({}, [technique({ name, ...rates, samples })]).monteCarlo;
    expect(wish(0)).to.deep.equal({ train: 1, evaluate: 0, average: 'probabilities' });
    expect(wish(20)).to.deep.equal({ train: 1, evaluate: 20, average: 'probabilities' });
  });

  describe('weight decay', () => {
    /** Loss and gradients of the penalty alone: the likelihood weighs 0. */
    async function penalty(options: object, tied: boolean, check: (w: Gradients) => Promise<void>): Promise<number> {
      const model = buildModel({ tied }, [
        technique({ name, ...none, ...options }),
        { name: 'other', regularizer: { parameters: () => [{ name: 'matrix', shape: [3, 3] }], perturb: () => [] } },
      ]);
      const weights = model.initialize(createRng(3));
      const start = model.initialState(2);
      const { loss, gradients, ...rest } = model.lossAndGradients(weights, tokenBatch(2, 2), start, 0, pass);
      const [value] = await loss.data();
      await check({ model, weights, gradients });
      tf.dispose([weights, start as never, loss, gradients, rest as never]);
      return value!;
    }
    interface Gradients {
      readonly model: SequenceModel;
      readonly weights: Readonly<Record<string, tf.Tensor>>;
      readonly gradients: Readonly<Record<string, tf.Tensor>>;
    }
    const lambda = 0.25;

    for (const tied of [false, true])
      for (const decayBiases of [false, true])
        it(`is λ Σ w² of the matrices${decayBiases ? ' and biases' : ''}, ${tied ? 'tied' : 'untied'}: gradient 2 λ W`, async () => {
          let expected = 0;
          const loss = await penalty({ weightDecay: lambda, decayBiases }, tied, async ({ weights, gradients }) => {
            for (const [parameter, weight] of Object.entries(weights)) {
              const decayed = parameter !== 'other/matrix' && (decayBiases || weight.rank === 2);
              const values = (await weight.data()) as Float32Array;
              if (decayed) expected += lambda * values.reduce((sum, w) => sum + w * w, 0);
              const gradient = await gradients[parameter]!.data();
              for (const [i, w] of values.entries())
                expect(gradient[i], parameter).to.be.closeTo(decayed ? 2 * lambda * w : 0, 1e-6);
            }
          });
          expect(expected).to.be.above(1);
          expect(loss).to.be.closeTo(expected, 1e-5 * expected);
        });

    it('of 0 is no penalty', () => {
      expect(technique({ name, ...rates }).regularizer.penalty).to.equal(undefined);
      expect(technique({ name, ...rates, weightDecay: 0.1 }).regularizer.penalty).to.be.a('function');
    });
  });

  it('refuses to drop word types of frames', () => {
    const model = createSequenceModel({
      config: smallModel,
      task: { kind: 'frames', likelihood: 'bernoulli', size: 4, metric: 'nll-per-step' } as never,
      cell: testRegistry().create('cell', 'lstm'),
      regularizers: [technique({ name, ...rates })],
    });
    const weights = model.initialize(createRng(3));
    const start = model.initialState(2);
    const frames = new Float32Array(2 * 2 * 4);
    const batch = { steps: 2, batch: 2, inputs: frames, targets: frames, mask: null };
    refusal('RNNX_SITE_UNSUPPORTED', () => model.score(weights, batch, start, pass));
    tf.dispose([weights, start as never]);
  });

  itRefuses(name, [
    ['no rates', {}, 'input'],
    ['a rate of 1', { input: 0.1, recurrent: 1 }],
    ['a negative rate', { input: 0.1, recurrent: 0.1, embedding: -0.1 }],
    ['an unknown tying', { input: 0.1, recurrent: 0.1, gates: true }],
    ['half a sample', { input: 0.1, recurrent: 0.1, samples: 0.5 }],
    ['a negative decay', { input: 0.1, recurrent: 0.1, weightDecay: -1 }],
  ]);
});
