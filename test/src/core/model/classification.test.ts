import {
  type ClassificationTask,
  createRng,
  createSequenceModel,
  enableFusedKernels,
  type LabelledMinibatch,
  type NamedRegularizer,
  type PassOptions,
  RnnxError,
  type SequenceModel,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { readGolden } from '../../support/golden.js';
import { smallModel, testRegistry, tokenBatch } from '../../support/models.js';
import { onNative } from '../../support/native.js';
import { relativeError } from '../../support/reference-model.js';

const task: ClassificationTask = { kind: 'classification', size: 2, classes: ['a', 'b', 'c'], metric: 'error-rate' };
const [steps, batch] = [5, 4];
const pass: PassOptions = { phase: 'train', copies: 1, average: 'log-probabilities', rng: createRng(3) };

function build(regularizers: readonly NamedRegularizer[] = [], cell = 'rnn'): SequenceModel {
  const config = { ...smallModel, cell, layers: 1, hiddenSize: 3, tied: false };
  return createSequenceModel({ config, task, cell: testRegistry().create('cell', cell), regularizers });
}

const ends = [4, 1, 2, 4];
const labels = [0, 2, 1, 2];

/** Four sequences of 5, 2, 3 and 5 steps. */
function data(): LabelledMinibatch {
  const inputs = createRng(8).normals(steps * batch * 2);
  const mask = new Float32Array(steps * batch);
  for (let t = 0; t < steps; t++)
    for (let b = 0; b < batch; b++) {
      if (t <= ends[b]!) mask[t * batch + b] = 1;
      else inputs.fill(0, (t * batch + b) * 2, (t * batch + b + 1) * 2);
    }
  return { kind: 'labelled', steps, batch, inputs, mask, ends: Int32Array.from(ends), labels: Int32Array.from(labels) };
}

/** log p(class | sequence) of a tanh network in plain numbers, one row a sequence. */
async function reference(weights: Record<string, tf.Tensor>): Promise<number[][]> {
  const { inputs } = data();
  const read = async (name: string) => [...(await weights[name]!.data())];
  const [wx, wh, b] = [await read('layer-0/input'), await read('layer-0/recurrent'), await read('layer-0/bias')];
  const [v, c] = [await read('output/weight'), await read('output/bias')];
  return ends.map((end, n) => {
    let h = [0, 0, 0];
    for (let t = 0; t <= end; t++) {
      const x = [0, 1].map((d) => inputs[(t * batch + n) * 2 + d]!);
      h = h.map((_, j) => {
        let sum = b[j]!;
        for (const [i, value] of x.entries()) sum += value * wx[i * 3 + j]!;
        for (const [i, value] of h.entries()) sum += value * wh[i * 3 + j]!;
        return Math.tanh(sum);
      });
    }
    const logits = [0, 1, 2].map((k) => c[k]! + h.reduce((sum, value, j) => sum + value * v[k * 3 + j]!, 0));
    const partition = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
    return logits.map((logit) => logit - partition);
  });
}

async function score(model: SequenceModel, weights: Record<string, tf.Tensor>, at = data(), options = pass) {
  const state = model.initialState(batch * options.copies);
  const result = model.score(weights, at, state, options);
  const [nll, errors] = [(await result.nll.data())[0]!, (await result.errors!.data())[0]!];
  tf.dispose([state, result] as never);
  return { nll, errors };
}

describe('classification of sequences', () => {
  it('takes the state of each sequence at its own end: NLL and errors are those of plain numbers', async () => {
    const model = build();
    const weights = model.initialize(createRng(5));
    const expected = await reference(weights);
    const found = await score(model, weights);
    expect(found.nll).to.be.closeTo(-labels.reduce((sum, label, n) => sum + expected[n]![label]!, 0), 1e-5);
    const wrong = expected.filter((row, n) => row.indexOf(Math.max(...row)) !== labels[n]);
    expect(found.errors).to.equal(wrong.length);
    // Labels that are right and labels that are wrong by construction.
    const likeliest = expected.map((row) => row.indexOf(Math.max(...row)));
    const right = { ...data(), labels: Int32Array.from(likeliest) };
    const none = { ...data(), labels: Int32Array.from(likeliest, (label) => (label + 1) % 3) };
    expect((await score(model, weights, right)).errors).to.equal(0);
    expect((await score(model, weights, none)).errors).to.equal(batch);
    tf.dispose(weights);
  });

  it('has the parameters of its widths', () => {
    const shapes = Object.fromEntries(build().specs.map(({ name, shape }) => [name, shape]));
    expect(shapes['layer-0/input']).to.deep.equal([2, 3]);
    expect(shapes['output/weight']).to.deep.equal([3, 3]);
    expect(shapes).to.not.have.property('embedding');
  });

  it('has the gradients that central differences give', async () => {
    const model = build();
    const weights = model.initialize(createRng(5));
    const state = model.initialState(batch);
    const result = model.lossAndGradients(weights, data(), state, 1 / batch, pass);
    for (const name of Object.keys(weights)) {
      const value = await weights[name]!.data();
      const differences: number[] = [];
      for (let i = 0; i < value.length; i++) {
        const at = async (shift: number) => {
          const moved = tf.tensor(
            value.map((v, j) => (i === j ? v + shift : v)),
            weights[name]!.shape,
          );
          const { nll } = await score(model, { ...weights, [name]: moved });
          moved.dispose();
          return nll / batch;
        };
        differences.push(((await at(0.01)) - (await at(-0.01))) / 0.02);
      }
      expect(relativeError(await result.gradients[name]!.data(), differences), name).to.be.below(2e-3);
    }
    tf.dispose([weights, state, result] as never);
  });

  it('gives no gradient, no NLL and no error where no sequence ends', async () => {
    const model = build();
    const weights = model.initialize(createRng(5));
    const open = { ...data(), mask: null, ends: new Int32Array(batch).fill(-1) };
    const result = model.lossAndGradients(weights, open, model.initialState(batch), 1, pass);
    expect([(await result.nll.data())[0], (await result.errors!.data())[0]]).to.deep.equal([0, 0]);
    for (const gradient of Object.values(result.gradients))
      expect((await gradient.data()).every((value) => value === 0)).to.equal(true);
    tf.dispose([weights, result] as never);
  });

  /** Noise that differs from copy to copy: `hidden` scaled by given numbers. */
  const noisy = (): NamedRegularizer => ({
    name: 'given',
    regularizer: {
      perturb: ({ batch: rows }) => [
        { site: 'output', layer: 0, kind: 'scale', value: createRng(4).uniform([1, rows, 3]).mul(6) as tf.Tensor },
      ],
    },
  });

  for (const average of ['probabilities', 'log-probabilities'] as const)
    it(`averages ${average} over Monte Carlo copies, for the NLL and for the answer`, async () => {
      const copies = 3;
      const model = build([noisy()]);
      const weights = model.initialize(createRng(5));
      const all = await createRng(4)
        .uniform([1, batch * copies, 3])
        .mul(6)
        .data();
      // Each copy alone, as log-probabilities of every class.
      const chains: number[][][] = [];
      for (let k = 0; k < copies; k++) {
        const own: NamedRegularizer = {
          name: 'given',
          regularizer: {
            perturb: () => [
              {
                site: 'output',
                layer: 0,
                kind: 'scale',
                value: tf.tensor3d(all.slice(k * batch * 3, (k + 1) * batch * 3), [1, batch, 3]),
              },
            ],
          },
        };
        const rows: number[][] = Array.from({ length: batch }, () => []);
        for (let b = 0; b < batch; b++)
          for (let label = 0; label < 3; label++) {
            // One sequence at a time: the others do not end here.
            const only = { ...data(), ends: Int32Array.from(ends, (end, n) => (n === b ? end : -1)) };
            const { nll } = await score(build([own]), weights, { ...only, labels: new Int32Array(batch).fill(label) });
            rows[b]!.push(-nll);
          }
        chains.push(rows);
      }
      const averaged = ends.map((_, b) =>
        [0, 1, 2].map((label) => {
          const values = chains.map((rows) => rows[b]![label]!);
          return average === 'probabilities'
            ? Math.log(values.reduce((sum, v) => sum + Math.exp(v), 0) / copies)
            : values.reduce((sum, v) => sum + v, 0) / copies;
        }),
      );
      const found = await score(model, weights, data(), { ...pass, phase: 'sample', copies, average });
      expect(found.nll).to.be.closeTo(-labels.reduce((sum, label, b) => sum + averaged[b]![label]!, 0), 1e-4);
      const wrong = averaged.filter((row, b) => row.indexOf(Math.max(...row)) !== labels[b]);
      expect(found.errors).to.equal(wrong.length);
      tf.dispose(weights);
    });

  it('sees, where the output matrix differs from step to step, the one of the last step', async () => {
    const perStep: NamedRegularizer = {
      name: 'steps',
      regularizer: {
        perturb: () => [{ site: 'weights.output', kind: 'scale', value: createRng(6).uniform([steps, 3, 3]) }],
      },
    };
    const model = build([perStep]);
    const weights = model.initialize(createRng(5));
    let expected = 0;
    for (const [b, end] of ends.entries()) {
      const only = { ...data(), ends: Int32Array.from(ends, (value, n) => (n === b ? value : -1)) };
      const scale = tf.tidy(() =>
        tf.squeeze(tf.slice(createRng(6).uniform([steps, 3, 3]), [end, 0, 0], [1, -1, -1]), [0]),
      );
      const scaled = { ...weights, 'output/weight': tf.mul(weights['output/weight']!, scale) };
      expected += (await score(build(), scaled, only)).nll;
    }
    expect((await score(model, weights)).nll).to.be.closeTo(expected, 1e-5);
    tf.dispose(weights);
  });

  it('leaks nothing', async () => {
    const model = build([noisy()]);
    const weights = model.initialize(createRng(5));
    const before = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) {
      const state = model.initialState(batch * 2);
      const result = model.lossAndGradients(weights, data(), state, 1, { ...pass, copies: 2 });
      tf.dispose([state, result] as never);
      await score(model, weights);
    }
    expect(tf.memory().numTensors).to.equal(before);
    tf.dispose(weights);
  });

  it('refuses minibatches of another kind', () => {
    const model = build();
    const weights = model.initialize(createRng(5));
    const refused = (run: () => unknown) =>
      expect(run)
        .to.throw(RnnxError, /minibatch/)
        .with.property('code', 'RNNX_SHAPE_MISMATCH');
    refused(() => model.score(weights, tokenBatch(2, batch), model.initialState(batch), pass));
    const frames = createSequenceModel({
      config: { ...smallModel, tied: false },
      task: { kind: 'frames', size: 2, likelihood: 'gaussian', metric: 'nll-per-step' },
      cell: testRegistry().create('cell', 'rnn'),
      regularizers: [],
    });
    refused(() => frames.score(weights, data(), frames.initialState(batch), pass));
  });
});

interface Golden {
  readonly cell: 'lstm' | 'gru';
  readonly sizes: { D: number; H: number; T: number; B: number; L: number; C: number };
  readonly lengths: number[];
  readonly inputs: number[];
  readonly labels: number[];
  readonly weights: Record<string, number[]>;
  readonly nll: number;
  readonly errors: number;
  readonly gradients: Record<string, number[]>;
}

describe('classification from learned first states against PyTorch', () => {
  for (const { cell, sizes, lengths, ...golden } of readGolden<{ cases: Golden[] }>('classifier.json').cases)
    it(cell, async () => {
      const { D, H, T, B, L, C } = sizes;
      const config = { ...smallModel, cell, layers: L, hiddenSize: H, tied: false, initialState: 'learned' } as const;
      const model = createSequenceModel({
        config,
        task: { ...task, size: D, classes: Array.from({ length: C }, (_, i) => `${i}`) },
        cell: testRegistry().create('cell', cell),
        regularizers: [],
      });
      expect(model.specs.map(({ name }) => name)).to.have.members(Object.keys(golden.weights));
      const weights = Object.fromEntries(
        model.specs.map(({ name, shape }) => [name, tf.tensor(golden.weights[name]!, [...shape])]),
      );
      const mask = Float32Array.from({ length: T * B }, (_, i) => Number(Math.floor(i / B) < lengths[i % B]!));
      const batch: LabelledMinibatch = {
        kind: 'labelled',
        steps: T,
        batch: B,
        // What PyTorch's packing leaves out is no part of the result.
        inputs: Float32Array.from(golden.inputs),
        mask,
        ends: Int32Array.from(lengths, (length) => length - 1),
        labels: Int32Array.from(golden.labels),
      };
      const state = model.initialState(B);
      const result = model.lossAndGradients(weights, batch, state, 1, pass);
      expect(relativeError(await result.nll.data(), [golden.nll]), 'nll').to.be.below(1e-5);
      expect((await result.errors!.data())[0]).to.equal(golden.errors);
      for (const [name, gradient] of Object.entries(result.gradients))
        expect(relativeError(await gradient.data(), golden.gradients[name]!), name).to.be.below(1e-5);
      tf.dispose([weights, state, result] as never);
    });
});

describe('classification on the native backend', () => {
  onNative();

  for (const cell of ['lstm', 'gru', 'rnn'])
    it(`has the gradients of the composed path: ${cell}`, async () => {
      const model = build([], cell);
      const weights = model.initialize(createRng(5));
      const run = () => {
        const result = model.lossAndGradients(weights, data(), model.initialState(batch), 1, pass);
        return { ...result.gradients, nll: result.nll, errors: result.errors! };
      };
      const fused = run();
      enableFusedKernels(false);
      const composed: Record<string, tf.Tensor> = run();
      enableFusedKernels(true);
      for (const [name, value] of Object.entries(composed))
        expect(relativeError(await (fused as typeof composed)[name]!.data(), await value.data()), name).to.be.below(
          1e-5,
        );
      tf.dispose([weights, fused, composed]);
    });
});
