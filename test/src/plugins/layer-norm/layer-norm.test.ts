import { createRng, type NamedRegularizer, type PassOptions, type PluginRef, type SequenceModel } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { buildModel, tokenBatch } from '../../support/models.js';
import { relativeError } from '../../support/reference-model.js';
import { itRefuses, technique } from '../../support/techniques.js';

const name = 'layer-norm';
const [T, B] = [4, 3];
const pass = (phase: PassOptions['phase']): PassOptions => ({
  phase,
  copies: 1,
  average: 'log-probabilities',
  rng: createRng(6),
});

const own = (model: SequenceModel) =>
  model.specs.filter((spec) => spec.name.startsWith(name)).map((spec) => `${spec.name.slice(11)} [${spec.shape}]`);

/** Normalised quantities, read by a probe that acts after it. */
async function normalised(
  options: object,
  cell: PluginRef,
): Promise<Map<string, { values: Float32Array; width: number }>> {
  const seen = new Map<string, tf.Tensor>();
  const probe: NamedRegularizer = {
    name: 'probe',
    regularizer: {
      perturb: ({ model }) =>
        (['preactivation.input', 'preactivation.recurrent', 'readout'] as const)
          .filter((site) => site !== 'readout' || model.sites.includes(site))
          .map((site) => ({
            site,
            layer: 1,
            kind: 'map',
            map: (x, { t, columns }) => {
              const key = `${site} ${columns?.[0] ?? 0}`;
              if (!seen.has(key) && t !== 0) seen.set(key, tf.keep(tf.clone(x)));
              return x;
            },
          })),
    },
  };
  const model = buildModel({ cell, hiddenSize: 8, tied: true }, [technique({ name, ...options }), probe]);
  const weights = model.initialize(createRng(1));
  const start = model.initialState(B);
  const result = model.score(weights, tokenBatch(T, B), start, pass('train'));
  const read = new Map<string, { values: Float32Array; width: number }>();
  for (const [key, x] of seen) read.set(key, { values: Float32Array.from(await x.data()), width: x.shape.at(-1)! });
  tf.dispose([weights, start as never, result as never, ...seen.values()]);
  return read;
}

describe('layer-norm', () => {
  it('has gains and biases for both products of every layer, and for the readout where the cell has one', () => {
    expect(own(buildModel({ layers: 1 }, [technique(name)]))).to.deep.equal([
      'gain-input-0 [16]',
      'bias-input-0 [16]',
      'gain-recurrent-0 [16]',
      'bias-recurrent-0 [16]',
      'gain-readout-0 [4]',
      'bias-readout-0 [4]',
    ]);
    for (const cell of ['gru', { name: 'gru', reset: 'before' }])
      expect(own(buildModel({ layers: 2, cell }, [technique({ name, bias: false })]))).to.deep.equal([
        'gain-input-0 [12]',
        'gain-recurrent-0 [12]',
        'gain-input-1 [12]',
        'gain-recurrent-1 [12]',
      ]);
    expect(own(buildModel({ layers: 1 }, [technique({ name, readout: false, bias: false })]))).to.deep.equal([
      'gain-input-0 [16]',
      'gain-recurrent-0 [16]',
    ]);
  });

  it('starts gains where it is told, and biases at 0', async () => {
    const model = buildModel({ layers: 1 }, [technique({ name, gain: 0.3 })]);
    const weights = model.initialize(createRng(1));
    for (const [parameter, weight] of Object.entries(weights)) {
      if (!parameter.startsWith(name)) continue;
      const start = parameter.includes('gain') ? Math.fround(0.3) : 0;
      for (const value of await weight.data()) expect(value, parameter).to.equal(start);
    }
    tf.dispose(weights);
  });

  const cells: readonly [string, PluginRef, readonly string[]][] = [
    ['lstm', 'lstm', ['preactivation.input 0', 'preactivation.recurrent 0', 'readout 0']],
    ['gru', 'gru', ['preactivation.input 0', 'preactivation.recurrent 0']],
    [
      'gru with the reset before',
      { name: 'gru', reset: 'before' },
      ['preactivation.input 0', 'preactivation.recurrent 0', 'preactivation.recurrent 16'],
    ],
    ['rnn', 'rnn', ['preactivation.input 0', 'preactivation.recurrent 0']],
  ];
  for (const [title, cell, quantities] of cells)
    for (const over of ['product', 'gate'] as const)
      it(`${title}, by ${over}: mean 0 and variance 1 for each example and step`, async () => {
        const seen = await normalised({ over, epsilon: 1e-12 }, cell);
        expect([...seen.keys()].sort()).to.deep.equal([...quantities].sort());
        for (const [key, { values, width }] of seen) {
          const group = over === 'gate' ? 8 : width;
          for (let from = 0; from < values.length; from += group) {
            const part = values.subarray(from, from + group);
            const mean = part.reduce((sum, x) => sum + x, 0) / group;
            expect(mean, key).to.be.closeTo(0, 1e-5);
            expect(part.reduce((sum, x) => sum + (x - mean) ** 2, 0) / group, key).to.be.closeTo(1, 1e-3);
          }
        }
      });

  async function nll(options: object, phase: PassOptions['phase'], scale = 1, changed = false): Promise<Float32Array> {
    const model = buildModel({ hiddenSize: 6, tied: false }, [technique({ name, ...options })]);
    const weights = model.initialize(createRng(1));
    const scaled = Object.fromEntries(
      Object.entries(weights).map(([parameter, weight]) => [
        parameter,
        /^layer-\d\/(input|recurrent)$/.test(parameter) ? tf.mul(weight, scale) : tf.clone(weight),
      ]),
    );
    const start = model.initialState(B);
    const data = tokenBatch(T, B);
    const inputs = changed ? data.inputs.map((id, i) => (i % B === 0 ? id : (id + 1) % 7)) : data.inputs;
    const result = model.score(scaled, { ...data, inputs }, start, pass(phase));
    const state = Float32Array.from(await result.state[1]!.h!.data());
    tf.dispose([weights, scaled, start as never, result as never]);
    return state;
  }

  it('does not depend on the scale of the weights', async () => {
    const options = { epsilon: 1e-12 };
    expect(relativeError(await nll(options, 'train', 10), [...(await nll(options, 'train'))])).to.be.below(1e-4);
  });

  it('treats each example by itself', async () => {
    const [first, changed] = [await nll({}, 'train'), await nll({}, 'train', 1, true)];
    expect([...changed.slice(0, 6)]).to.deep.equal([...first.slice(0, 6)]);
    expect([...changed.slice(6)]).to.not.deep.equal([...first.slice(6)]);
  });

  it('is the same in every phase', async () => {
    const trained = await nll({}, 'train');
    for (const phase of ['evaluate', 'sample'] as const) expect(await nll({}, phase)).to.deep.equal(trained);
  });

  it('stays finite where all units are equal', async () => {
    for (const value of await nll({}, 'train', 0)) expect(value).to.satisfy(Number.isFinite);
  });

  itRefuses(name, [
    ['an ε of 0', { epsilon: 0 }],
    ['unknown statistics', { over: 'batch' }],
    ['a bias that is a number', { bias: 0 }],
    ['a gain that is text', { gain: '1' }],
    ['a readout that is text', { readout: 'yes' }],
    ['an unknown option', { beta: 1 }],
  ]);
});
