import {
  createRng,
  type NamedRegularizer,
  type PassOptions,
  type Perturbation,
  type PluginRef,
  type SequenceModel,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { buildModel, rows, testRegistry, tokenBatch, toReference } from './models.js';
import {
  centralDifferences,
  type Matrix,
  type Perturb,
  type ReferenceModel,
  referenceNll,
  relativeError,
} from './reference-model.js';

const steps = 5;
const batch = 3;
const tolerance = 1e-5;

const cells: readonly [ReferenceModel['cell'], PluginRef][] = [
  ['lstm', 'lstm'],
  ['gru-after', 'gru'],
  ['gru-before', { name: 'gru', reset: 'before' }],
  ['rnn-tanh', 'rnn'],
  ['rnn-sigmoid', { name: 'rnn', activation: 'sigmoid' }],
  ['rnn-relu', { name: 'rnn', activation: 'relu' }],
];

const options: PassOptions = { phase: 'train', copies: 1, average: 'log-probabilities', rng: createRng(3) };

/** The values that a regularizer will return for this pass, as functions of numbers. */
async function perturbWith(
  model: SequenceModel,
  entries: readonly NamedRegularizer[],
): Promise<{ perturb: Perturb; dispose: () => void }> {
  const found: { at: Extract<Perturbation, { value: tf.Tensor }>; value: tf.Tensor; data: Float32Array }[] = [];
  for (const { name, regularizer } of entries) {
    const context = {
      phase: 'train',
      model: model.shape,
      batch,
      steps,
      rng: options.rng.stream(name),
      parameters: {},
    } as const;
    for (const at of regularizer.perturb(context)) {
      if (!('value' in at)) throw new Error(`the reference has no ${at.kind}`);
      found.push({ at, value: at.value, data: (await at.value.data()) as Float32Array });
    }
  }
  const perturb: Perturb = (site, layer, t, x, previous) => {
    let current = x;
    for (const { at, value, data } of found) {
      if (at.site !== site || at.layer !== layer) continue;
      const [T, B, N] = value.shape as [number, number, number];
      const pick = (b: number, j: number) => data[((T === 1 ? 0 : t) * B + (B === 1 ? 0 : b)) * N + j]!;
      const before: Matrix = current;
      current = before.map((row, b) =>
        row.map((v, j) => {
          const p = pick(b, j);
          if (at.kind === 'scale') return v * p;
          return at.kind === 'shift' ? v + p : p * previous![b]![j]! + (1 - p) * v;
        }),
      );
    }
    return current;
  };
  return { perturb, dispose: () => tf.dispose(found.map(({ value }) => value)) };
}

async function compare(
  reference: Omit<ReferenceModel, 'layers' | 'hiddenSize'>,
  cell: PluginRef,
  entries: readonly NamedRegularizer[],
): Promise<void> {
  const model = buildModel({ cell, tied: reference.tied, embeddingSize: reference.tied ? null : 3 }, entries);
  const weights = model.initialize(createRng(11));
  const data = tokenBatch(steps, batch);
  const state = model.initialState(batch);
  const result = model.lossAndGradients(weights, data, state, 1 / batch, options);
  const { perturb, dispose } = await perturbWith(model, entries);

  const exact = await toReference(weights);
  const shape: ReferenceModel = { ...reference, layers: 2, hiddenSize: 4 };
  const [inputs, targets] = [rows(data.inputs, batch), rows(data.targets, batch)];
  const nll = () => referenceNll(shape, exact, inputs, targets, perturb).nll;
  expect(relativeError(await result.nll.data(), [nll()]), 'nll').to.be.below(tolerance);
  expect(relativeError(await result.loss.data(), [nll() / batch]), 'loss').to.be.below(tolerance);
  const expected = centralDifferences(exact, () => nll() / batch);
  for (const [name, gradient] of Object.entries(result.gradients))
    expect(relativeError(await gradient.data(), expected[name]!), name).to.be.below(tolerance);
  const { hidden } = referenceNll(shape, exact, inputs, targets, perturb);
  for (const [layer, names] of result.state.entries())
    expect(relativeError(await names.h!.data(), hidden[layer]!.at(-1)!.flat()), `state ${layer}`).to.be.below(
      tolerance,
    );
  dispose();
  tf.dispose([weights, state as never, result as never]);
}

/** One perturbation at every activation site of layer 1, of every kind and every broadcast shape. */
function everywhere(sites: readonly string[], gates: number): NamedRegularizer {
  const rng = createRng(77);
  const value = (site: string, t: number, b: number, n: number) => tf.add(rng.stream(site).uniform([t, b, n]), 0.25);
  return {
    name: 'everywhere',
    regularizer: {
      perturb: () =>
        [
          { site: 'input', layer: 1, kind: 'scale', value: value('input', steps, 1, 4) },
          { site: 'recurrent', layer: 1, kind: 'scale', value: value('recurrent', 1, batch, 4) },
          { site: 'preactivation.input', layer: 1, kind: 'shift', value: value('pi', 1, 1, 4 * gates) },
          { site: 'preactivation.recurrent', layer: 1, kind: 'scale', value: value('pr', steps, batch, 4 * gates) },
          { site: 'candidate', layer: 1, kind: 'shift', value: value('candidate', steps, batch, 4) },
          { site: 'readout', layer: 1, kind: 'scale', value: value('readout', steps, batch, 4) },
          { site: 'cell', layer: 1, kind: 'retain', value: value('cell', steps, batch, 4) },
          { site: 'hidden', layer: 1, kind: 'retain', value: value('hidden', steps, batch, 4) },
          { site: 'hidden', layer: 1, kind: 'shift', value: value('hidden-2', 1, batch, 4) },
          { site: 'output', layer: 1, kind: 'scale', value: value('output', steps, batch, 4) },
        ].filter(({ site }) => sites.includes(site)) as unknown as Perturbation[],
    },
  };
}

const common = ['input', 'recurrent', 'preactivation.input', 'hidden', 'output', 'candidate'];

/** Declares the tests that hold the current backend to the reference model in double precision. */
export function checkAgainstReference(): void {
  for (const [name, ref] of cells) {
    it(`${name} without noise, untied`, () => compare({ cell: name, tied: false }, ref, []));
    for (const injection of ['multiplicative', 'additive'])
      it(`${name} with ${injection} NOISIN, tied`, () => {
        const regularizer = testRegistry().create('regularizer', { name: 'noisin', spread: 0.7, injection });
        return compare({ cell: name, tied: true }, ref, [{ name: 'noisin', regularizer }]);
      });
    it(`${name} with noise at every site that it has`, () => {
      const sites = name === 'lstm' ? [...common, 'preactivation.recurrent', 'readout', 'cell'] : common;
      const gates = name === 'lstm' ? 4 : name.startsWith('gru') ? 3 : 1;
      return compare({ cell: name, tied: true }, ref, [everywhere(sites, gates)]);
    });
    it(`${name} with dropout on the recurrent product, and NOISIN`, () => {
      const registry = testRegistry();
      const noise = { name: 'noisin', distribution: 'gamma', spread: 0.4 };
      const dropout = { name: 'dropout', placement: 'recurrent', input: 0.2, recurrent: 0.3, output: 0.4 };
      return compare({ cell: name, tied: true }, ref, [
        { name: 'noisin', regularizer: registry.create('regularizer', noise) },
        { name: 'dropout', regularizer: registry.create('regularizer', dropout) },
      ]);
    });
  }
}
