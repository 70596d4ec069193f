import { findAddon } from '@rnnx/backend-native';
import { categorical, createRng, enableFusedKernels } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { buildModel, tokenBatch } from '../../support/models.js';
import { countFused, onNative } from '../../support/native.js';
import { relativeError } from '../../support/reference-model.js';

interface Case {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly seed: number;
}

function inputsOf({ rows, inputs, outputs, seed }: Case) {
  const rng = createRng(seed);
  const draw = (name: string, shape: number[]) => tf.tidy(() => tf.sub(rng.stream(name).uniform(shape), 0.5));
  const labels = Int32Array.from(rng.stream('labels').uniforms(rows), (u) => Math.floor(u * outputs));
  return {
    hidden: draw('hidden', [rows, inputs]) as tf.Tensor2D,
    weight: draw('weight', [outputs, inputs]) as tf.Tensor2D,
    bias: draw('bias', [outputs]) as tf.Tensor1D,
    labels: tf.tensor1d(labels, 'int32'),
    dy: draw('dy', [rows]),
  };
}

/** Each row's loss and the gradients of Σ dy·nll. */
function lossOf({ hidden, weight, bias, labels, dy }: ReturnType<typeof inputsOf>, fused: boolean) {
  enableFusedKernels(fused);
  try {
    let nll: tf.Tensor | undefined;
    const { grads } = tf.valueAndGrads((h, v, b) => {
      nll = tf.keep(categorical.nll(h as tf.Tensor2D, v as tf.Tensor2D, b as tf.Tensor1D, labels).clone());
      return tf.sum(tf.mul(categorical.nll(h as tf.Tensor2D, v as tf.Tensor2D, b as tf.Tensor1D, labels), dy));
    })([hidden, weight, bias]);
    return { nll: nll!, hidden: grads[0]!, weight: grads[1]!, bias: grads[2]! };
  } finally {
    enableFusedKernels(true);
  }
}

describe('output layer and cross-entropy as one native kernel', () => {
  onNative();

  it('gives the losses and gradients of the composed path', () =>
    fc.assert(
      fc.property(
        fc.record({
          rows: fc.integer({ min: 1, max: 40 }),
          inputs: fc.integer({ min: 1, max: 40 }),
          // The gradient takes 1,152 outcomes at a time.
          outputs: fc.oneof(
            fc.integer({ min: 1, max: 70 }),
            fc.integer({ min: 400, max: 700 }),
            fc.integer({ min: 1100, max: 3600 }),
          ),
          seed: fc.nat(),
        }),
        (at) => {
          const inputs = inputsOf(at);
          const { result: fused, losses } = countFused(() => lossOf(inputs, true));
          const composed = lossOf(inputs, false);
          expect(losses).to.equal(2);
          for (const name of ['nll', 'hidden', 'weight', 'bias'] as const) {
            const [actual, expected] = [fused[name].dataSync(), composed[name].dataSync()];
            // With one outcome everything is zero but for rounding.
            const scale = at.outputs === 1 ? [1e-1, ...expected] : [0, ...expected];
            expect(relativeError([scale[0]!, ...actual], scale), `${name} of ${JSON.stringify(at)}`).to.be.below(1e-5);
          }
          tf.dispose([inputs, fused, composed]);
        },
      ),
      { seed: 4, numRuns: 150 },
    ));

  it('gives the same bits on one thread and on several', () => {
    const found = findAddon();
    if ('reason' in found) throw new Error(found.reason);
    const { addon } = found;
    const before = addon.threadCount();
    const bits = (inputs: ReturnType<typeof inputsOf>, threads: number) => {
      addon.setThreadCount(threads);
      const results = lossOf(inputs, true);
      const all = Object.values(results).map((x) => [...new Int32Array(Float32Array.from(x.dataSync()).buffer)]);
      tf.dispose(results);
      return all;
    };
    const cases = fc.record({
      rows: fc.integer({ min: 1, max: 90 }),
      inputs: fc.integer({ min: 1, max: 150 }),
      outputs: fc.integer({ min: 1, max: 3600 }),
      seed: fc.nat(),
    });
    try {
      fc.assert(
        fc.property(cases, (at) => {
          const inputs = inputsOf(at);
          const alone = bits(inputs, 1);
          for (const threads of [2, 3, 4]) expect(bits(inputs, threads), `${threads} threads`).to.deep.equal(alone);
          tf.dispose({ ...inputs });
        }),
        { numRuns: 15 },
      );
    } finally {
      addon.setThreadCount(before);
    }
  });

  it('gives the same losses where no gradient is recorded', () => {
    const { hidden, weight, bias, labels } = inputsOf({ rows: 9, inputs: 7, outputs: 600, seed: 1 });
    const scored = categorical.nll(hidden, weight, bias, labels);
    let trained: tf.Tensor = scored;
    tf.grad((h) => {
      trained = tf.keep(categorical.nll(h as tf.Tensor2D, weight, bias, labels));
      return tf.sum(trained);
    })(hidden);
    expect([...scored.dataSync()]).to.deep.equal([...trained.dataSync()]);
  });

  it('gives the bits of tfjs’s sum, and of its gradients, where the sum alone is wanted', () =>
    fc.assert(
      fc.property(
        fc.record({
          rows: fc.integer({ min: 1, max: 400 }),
          inputs: fc.integer({ min: 1, max: 20 }),
          outputs: fc.integer({ min: 1, max: 70 }),
          seed: fc.nat(),
        }),
        (at) => {
          const { labels, dy, ...inputs } = inputsOf(at);
          type Sum = (h: tf.Tensor2D, v: tf.Tensor2D, b: tf.Tensor1D) => tf.Scalar;
          const bits = (sum: Sum) => {
            const { value, grads } = tf.valueAndGrads((h, v, b) =>
              tf.mul(sum(h as tf.Tensor2D, v as tf.Tensor2D, b as tf.Tensor1D), 0.3),
            )([inputs.hidden, inputs.weight, inputs.bias]);
            const scored = sum(inputs.hidden, inputs.weight, inputs.bias);
            const read = [value, scored, ...grads].map((x) => [...x.dataSync()]);
            tf.dispose([value, scored, grads]);
            return read;
          };
          const { result: whole, losses } = countFused(() => bits((h, v, b) => categorical.nllSum!(h, v, b, labels)!));
          expect(losses).to.equal(2);
          expect(whole).to.deep.equal(bits((h, v, b) => tf.sum(categorical.nll(h, v, b, labels))));
          tf.dispose([labels, dy, inputs]);
        },
      ),
      { seed: 5, numRuns: 60 },
    ));

  const passes = [
    { what: 'sums for a model in its kernel where every prediction counts alike', sums: 1, copies: 1, masked: false },
    { what: 'leaves the sum to tfjs where some predictions do not count', sums: 0, copies: 1, masked: true },
    { what: 'leaves the sum to tfjs where copies are averaged', sums: 0, copies: 2, masked: false },
  ] as const;
  for (const { what, sums, copies, masked } of passes)
    it(what, () => {
      const model = buildModel({ tied: false });
      const weights = model.initialize(createRng(1));
      const whole = tokenBatch(5, 3);
      const batch = masked ? { ...whole, mask: Float32Array.from(whole.inputs, (_, i) => +(i % 4 > 0)) } : whole;
      const state = model.initialState(3 * copies);
      const rng = createRng(2);
      const pass = { phase: 'train', copies, average: 'probabilities', rng } as const;
      const found = (fused: boolean) => {
        enableFusedKernels(fused);
        try {
          return model.lossAndGradients(weights, batch, state, 0.1, pass);
        } finally {
          enableFusedKernels(true);
        }
      };
      const fused = countFused(() => found(true));
      const composed = found(false);
      expect([fused.losses, fused.sums]).to.deep.equal([1, sums]);
      const numbers = ({ nll, gradients }: typeof composed) =>
        [nll, ...Object.values(gradients)].flatMap((x) => [...x.dataSync()]);
      expect(relativeError(numbers(fused.result), numbers(composed))).to.be.below(1e-5);
      tf.dispose([weights, state, fused.result, composed] as never);
    });

  it('is exact where one logit dwarfs the others, and passes NaN on to its row alone', () => {
    const weight = tf.tensor2d([[1], [-1], [0]]);
    const bias = tf.zeros([3]) as tf.Tensor1D;
    const hidden = tf.tensor2d([[1e4], [Number.NaN], [0]]);
    const [sure, nan, even] = categorical.nll(hidden, weight, bias, tf.tensor1d([1, 0, 2], 'int32')).dataSync();
    expect(sure).to.equal(2e4);
    expect(nan).to.be.NaN;
    expect(even).to.be.closeTo(Math.log(3), 1e-6);
  });

  it('leaves labels of another type to the composed path', () => {
    const { hidden, weight, bias } = inputsOf({ rows: 2, inputs: 3, outputs: 4, seed: 1 });
    const { losses } = countFused(() => {
      expect(() => categorical.nll(hidden, weight, bias, tf.tensor1d([0.5, 1]))).to.throw();
    });
    expect(losses).to.equal(0);
  });

  for (const label of [-1, 4, 2 ** 31 - 1])
    it(`refuses the label ${label} of 4 outcomes`, () => {
      const { hidden, weight, bias } = inputsOf({ rows: 2, inputs: 3, outputs: 4, seed: 1 });
      expect(() => categorical.nll(hidden, weight, bias, tf.tensor1d([0, label], 'int32'))).to.throw(/labels/);
    });
});
