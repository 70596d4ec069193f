import {
  createRng,
  type NamedRegularizer,
  type PassOptions,
  type Perturbation,
  type Phase,
  RnnxError,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { buildModel, rows, tokenBatch, toReference } from '../../support/models.js';
import { type Perturb, referenceNll, relativeError } from '../../support/reference-model.js';

const [steps, batch, H] = [3, 2, 4];
const options: PassOptions = { phase: 'train', copies: 1, average: 'log-probabilities', rng: createRng(1) };

function regularizer(name: string, ...perturbations: readonly (() => Perturbation)[]): NamedRegularizer {
  return { name, regularizer: { perturb: () => perturbations.map((make) => make()) } };
}

async function nllOf(entries: readonly NamedRegularizer[], cell: 'lstm' | 'rnn' | 'gru' = 'rnn'): Promise<number> {
  const model = buildModel({ cell, layers: 1 }, entries);
  const weights = model.initialize(createRng(4));
  const { nll, state } = model.score(weights, tokenBatch(steps, batch), model.initialState(batch), options);
  const [value] = await nll.data();
  tf.dispose([weights, nll, state as never]);
  return value!;
}

async function referenceOf(perturb: Perturb, change?: (data: Float64Array) => void): Promise<number> {
  const model = buildModel({ cell: 'rnn', layers: 1 });
  const weights = model.initialize(createRng(4));
  const exact = await toReference(weights);
  change?.(exact['layer-0/recurrent']!.data);
  const data = tokenBatch(steps, batch);
  tf.dispose(weights);
  const shape = { cell: 'rnn-tanh', layers: 1, hiddenSize: H, tied: true } as const;
  return referenceNll(shape, exact, rows(data.inputs, batch), rows(data.targets, batch), perturb).nll;
}

const at =
  (wanted: string, f: (x: number) => number): Perturb =>
  (site, _layer, _t, x) =>
    site === wanted ? x.map((row) => row.map(f)) : x;

async function refused(
  entries: readonly NamedRegularizer[],
  code: string,
  cell: 'lstm' | 'rnn' = 'rnn',
): Promise<void> {
  const before = tf.memory().numTensors;
  try {
    await nllOf(entries, cell);
  } catch (error) {
    expect(error).to.be.instanceOf(RnnxError);
    expect((error as RnnxError).code).to.equal(code);
    expect((error as RnnxError).message).to.include('"bad"');
    return;
  } finally {
    expect(before).to.be.at.most(tf.memory().numTensors);
  }
  throw new Error(`nothing was refused, ${code} expected`);
}

describe('composition of perturbations', () => {
  const double = regularizer('double', () => ({ site: 'hidden', layer: 0, kind: 'scale', value: tf.scalar(2) }));
  const raise = regularizer('raise', () => ({ site: 'hidden', layer: 0, kind: 'shift', value: tf.scalar(0.5) }));

  it('acts at a site in the order of the regularizers', async () => {
    const first = await referenceOf(at('hidden', (x) => 2 * x + 0.5));
    const second = await referenceOf(at('hidden', (x) => 2 * (x + 0.5)));
    expect(Math.abs(first - second)).to.be.above(0.01);
    expect(await nllOf([double, raise])).to.be.closeTo(first, 1e-5);
    expect(await nllOf([raise, double])).to.be.closeTo(second, 1e-5);
  });

  it('acts within one regularizer in the order in which it returned them', async () => {
    const both = regularizer(
      'both',
      () => ({ site: 'hidden', layer: 0, kind: 'shift', value: tf.scalar(0.5) }),
      () => ({ site: 'hidden', layer: 0, kind: 'scale', value: tf.scalar(2) }),
    );
    expect(await nllOf([both])).to.be.closeTo(await referenceOf(at('hidden', (x) => 2 * (x + 0.5))), 1e-5);
  });

  it('retains the value that earlier perturbations left', async () => {
    const retain = regularizer('retain', () => ({ site: 'hidden', layer: 0, kind: 'retain', value: tf.scalar(0.3) }));
    const expected = await referenceOf((site, _layer, _t, x, previous) =>
      site === 'hidden' ? x.map((row, b) => row.map((v, j) => 0.3 * previous![b]![j]! + 0.7 * 2 * v)) : x,
    );
    expect(await nllOf([double, retain])).to.be.closeTo(expected, 1e-5);
  });

  it('masks what enters the recurrent product and never the carried state', async () => {
    const zero = regularizer('zero', () => ({ site: 'recurrent', layer: 0, kind: 'scale', value: tf.scalar(0) }));
    const model = buildModel({ cell: 'gru', layers: 1 }, [zero]);
    const weights = model.initialize(createRng(4));
    const large = [{ h: tf.fill([batch, H], 0.5) as tf.Tensor2D }];
    const { state, nll } = model.score(weights, tokenBatch(1, batch), large, options);
    // With the product masked, z does not see h, and the carried h enters (1 - z) n + z h whole.
    const shifted = model.score(
      weights,
      tokenBatch(1, batch),
      [{ h: tf.fill([batch, H], 1.5) as tf.Tensor2D }],
      options,
    );
    const difference = await tf.sub(shifted.state[0]!.h!, state[0]!.h!).data();
    for (const value of difference) expect(value).to.be.within(1e-3, 1 - 1e-3);
    tf.dispose([weights, nll, large, shifted as never, state as never]);
  });

  it('takes a scale and a shift on the weights, one draw a sequence', async () => {
    const noise = [...createRng(9).normals(H * H)];
    const weightNoise = regularizer('noise', () => ({
      site: 'weights.recurrent',
      layer: 0,
      kind: 'shift',
      value: tf.tensor2d(noise, [H, H]),
    }));
    const expected = await referenceOf(
      (_site, _layer, _t, x) => x,
      (data) => {
        for (const [i, e] of noise.entries()) data[i]! += e;
      },
    );
    expect(await nllOf([weightNoise])).to.be.closeTo(expected, 1e-5);
  });

  it('takes another weight matrix each step', async () => {
    const masks = createRng(9).uniforms(steps * H * H);
    const perStep = regularizer('steps', () => ({
      site: 'weights.recurrent',
      layer: 0,
      kind: 'scale',
      value: tf.tensor3d(masks, [steps, H, H]),
    }));
    // The same from the outside: a map of each step's product that multiplies by the masked matrix itself.
    const model = buildModel({ cell: 'rnn', layers: 1 });
    const weights = model.initialize(createRng(4));
    const raw = await weights['layer-0/recurrent']!.data();
    const byHand = regularizer('hand', () => ({
      site: 'preactivation.recurrent',
      layer: 0,
      kind: 'map',
      map: (_x, { t, operand }) => {
        const masked = raw.map((w, i) => w * masks[t! * H * H + i]!);
        return tf.matMul(operand as tf.Tensor2D, tf.tensor2d(Array.from(masked), [H, H]));
      },
    }));
    const stepwise = await nllOf([perStep]);
    expect(stepwise).to.be.closeTo(await nllOf([byHand]), 1e-5);
    expect(Math.abs(stepwise - (await nllOf([])))).to.be.above(1e-3);
    tf.dispose(weights);
  });

  it('takes a draw a step also where the minibatch has a single step', async () => {
    for (const site of ['weights.recurrent', 'weights.input'] as const) {
      const mask = createRng(9).uniforms(H * H);
      const scaled = (stepwise: boolean) =>
        regularizer('one', () => ({
          site,
          layer: 0,
          kind: 'scale',
          value: tf.tensor(mask, stepwise ? [1, H, H] : [H, H]),
        }));
      const nll = async (stepwise: boolean) => {
        const model = buildModel({ cell: 'rnn', layers: 1 }, [scaled(stepwise)]);
        const weights = model.initialize(createRng(4));
        const state = [{ h: tf.fill([batch, H], 0.5) as tf.Tensor2D }];
        const result = model.score(weights, tokenBatch(1, batch), state, options);
        const [value] = await result.nll.data();
        tf.dispose([weights, state, result as never]);
        return value!;
      };
      expect(await nll(true), site).to.be.closeTo(await nll(false), 1e-6);
    }
  });

  for (const site of ['input', 'recurrent'] as const)
    for (const cell of ['lstm', 'gru'] as const)
      it(`takes a mask of its own for each gate at "${site}" of ${cell}`, async () => {
        const gates = cell === 'lstm' ? 4 : 3;
        const one = createRng(8).uniforms(batch * H);
        const untied = (repeat: boolean) =>
          regularizer('untied', () => {
            const own = createRng(8).uniforms(batch * gates * H);
            const values = repeat ? tile(one, gates) : [...own];
            return { site, layer: 0, kind: 'scale', value: tf.tensor4d(values, [1, batch, gates, H]) };
          });
        const tied = regularizer('tied', () => ({
          site,
          layer: 0,
          kind: 'scale',
          value: tf.tensor3d(Array.from(one), [1, batch, H]),
        }));
        expect(await nllOf([untied(true)], cell)).to.be.closeTo(await nllOf([tied], cell), 1e-5);
        expect(Math.abs((await nllOf([untied(false)], cell)) - (await nllOf([tied], cell)))).to.be.above(1e-4);
      });

  it('scales whole word types at the embedding', async () => {
    const drop = regularizer('types', () => ({
      site: 'embedding',
      kind: 'scale',
      value: tf.tensor1d([0, 1, 2, 1, 0, 1, 3]),
    }));
    const model = buildModel({ cell: 'rnn', layers: 1 }, [drop]);
    const weights = model.initialize(createRng(4));
    const data = tokenBatch(steps, batch);
    const exact = await toReference(weights);
    const scales = [0, 1, 2, 1, 0, 1, 3];
    const ids = rows(data.inputs, batch);
    const shape = { cell: 'rnn-tanh', layers: 1, hiddenSize: H, tied: true } as const;
    const expected = referenceNll(shape, exact, ids, rows(data.targets, batch), (site, _layer, t, x) =>
      site === 'input' ? x.map((row, b) => row.map((v) => v * scales[ids[t]![b]!]!)) : x,
    ).nll;
    const { nll, state } = model.score(weights, data, model.initialState(batch), options);
    expect(relativeError(await nll.data(), [expected])).to.be.below(1e-5);
    tf.dispose([weights, nll, state as never]);
  });

  it('scales word types by example', async () => {
    const drop = regularizer('types', () => ({
      site: 'embedding',
      kind: 'scale',
      value: tf.tensor2d([0, 1, 2, 1, 0, 1, 3, 1, 1, 0, 4, 1, 0.5, 1], [batch, 7]),
    }));
    const all = regularizer('all', () => ({
      site: 'embedding',
      kind: 'scale',
      value: tf.tensor2d([0, 1, 2, 1, 0, 1, 3, 0, 1, 2, 1, 0, 1, 3], [batch, 7]),
    }));
    const shared = regularizer('types', () => ({
      site: 'embedding',
      kind: 'scale',
      value: tf.tensor1d([0, 1, 2, 1, 0, 1, 3]),
    }));
    expect(await nllOf([all])).to.equal(await nllOf([shared]));
    expect(await nllOf([drop])).not.to.equal(await nllOf([shared]));
  });

  it('applies a map with its place in layer and time', async () => {
    const seen: string[] = [];
    const map = regularizer('map', () => ({
      site: 'hidden',
      layer: 0,
      kind: 'map',
      map: (x, { t, layer, previous }) => {
        seen.push(`${layer}/${t}/${previous?.shape}`);
        return tf.mul(x, 2);
      },
    }));
    expect(await nllOf([map])).to.be.closeTo(await referenceOf(at('hidden', (x) => 2 * x)), 1e-5);
    expect(seen).to.deep.equal(['0/0/2,4', '0/1/2,4', '0/2/2,4']);
  });

  it('asks for perturbations with the phase of the pass', async () => {
    const phases: Phase[] = [];
    const probe: NamedRegularizer = {
      name: 'probe',
      regularizer: {
        perturb: ({ phase }) => {
          phases.push(phase);
          return [];
        },
      },
    };
    const model = buildModel({ layers: 1 }, [probe]);
    const weights = model.initialize(createRng(1));
    for (const phase of ['train', 'evaluate', 'sample'] as const) {
      const state = model.initialState(batch);
      tf.dispose(model.score(weights, tokenBatch(steps, batch), state, { ...options, phase }) as never);
      tf.dispose(state as never);
    }
    expect(phases).to.deep.equal(['train', 'evaluate', 'sample']);
    tf.dispose(weights);
  });

  describe('refuses', () => {
    const scale = (place: object, value: () => tf.Tensor = () => tf.scalar(1)) =>
      regularizer('bad', () => ({ kind: 'scale', value: value(), ...place }) as unknown as Perturbation);
    const cases: readonly [string, NamedRegularizer, string?][] = [
      ['an unknown site', scale({ site: 'hiden', layer: 0 })],
      ['an unknown kind', scale({ site: 'hidden', layer: 0, kind: 'multiply' })],
      ['a layer that is not there', scale({ site: 'hidden', layer: 1 })],
      ['a missing layer', scale({ site: 'hidden' })],
      ['a layer at a site of the model', scale({ site: 'embedding', layer: 0 })],
      ['a value of another width', scale({ site: 'hidden', layer: 0 }, () => tf.ones([1, 1, 5]))],
      ['a value of another batch', scale({ site: 'hidden', layer: 0 }, () => tf.ones([1, 3, 4]))],
      ['a value of another rank', scale({ site: 'hidden', layer: 0 }, () => tf.ones([4]))],
      ['a value by gate at a site without gates', scale({ site: 'hidden', layer: 0 }, () => tf.ones([1, 1, 1, 4]))],
      ['a weight value of another shape', scale({ site: 'weights.input', layer: 0 }, () => tf.ones([4, 5]))],
      ['an unknown weight', scale({ site: 'weights.recurrent', layer: 0, weight: 'other' })],
      ['retain where there is no previous value', scale({ site: 'input', layer: 0, kind: 'retain' })],
      ['an embedding value of another length', scale({ site: 'embedding' }, () => tf.ones([6]))],
      ['a shift of the embedding', scale({ site: 'embedding', kind: 'shift' }, () => tf.ones([7]))],
      ['a site that the cell does not have', scale({ site: 'cell', layer: 0 }), 'RNNX_SITE_UNSUPPORTED'],
    ];
    for (const [what, entry, code = 'RNNX_PERTURBATION_INVALID'] of cases) it(what, () => refused([entry], code));
  });
});

/** `[B, H]` repeated to `[B, G, H]`. */
function tile(values: Float32Array, gates: number): number[] {
  return Array.from({ length: batch }, (_, b) =>
    Array.from({ length: gates }, () => [...values.slice(b * H, (b + 1) * H)]).flat(),
  ).flat();
}
