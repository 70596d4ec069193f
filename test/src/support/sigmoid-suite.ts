import { bernoulli, createRng, enableFusedKernels } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { countFused } from './fused.js';
import { relativeError } from './reference-model.js';

interface Case {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly scale: number;
  readonly seed: number;
}

function inputsOf({ rows, inputs, outputs, scale, seed }: Case) {
  const rng = createRng(seed);
  const draw = (name: string, shape: number[]) =>
    tf.tidy(() => tf.mul(tf.sub(rng.stream(name).uniform(shape), 0.5), scale));
  return {
    hidden: draw('hidden', [rows, inputs]) as tf.Tensor2D,
    weight: draw('weight', [outputs, inputs]) as tf.Tensor2D,
    bias: draw('bias', [outputs]) as tf.Tensor1D,
    targets: rng.stream('targets').bernoulli([rows, outputs], 0.3) as tf.Tensor2D,
    dy: draw('dy', [rows]),
  };
}

/** Each row's loss and the gradients of Σ dy·nll. */
function lossOf({ hidden, weight, bias, targets, dy }: ReturnType<typeof inputsOf>, fused: boolean) {
  enableFusedKernels(fused);
  try {
    const nllOf = (h: tf.Tensor, v: tf.Tensor, b: tf.Tensor) =>
      bernoulli.nll(h as tf.Tensor2D, v as tf.Tensor2D, b as tf.Tensor1D, targets);
    return tf.tidy(() => {
      const { grads } = tf.valueAndGrads((h, v, b) => tf.sum(tf.mul(nllOf(h, v, b), dy)))([hidden, weight, bias]);
      return { nll: nllOf(hidden, weight, bias), hidden: grads[0]!, weight: grads[1]!, bias: grads[2]! };
    });
  } finally {
    enableFusedKernels(true);
  }
}

/**
 * Tests of a backend's `FusedKernels.linearSigmoid` against the composed path on the same backend, which is current while
 * they run.
 *
 * @param runs random cases
 */
export function testLinearSigmoid({ runs }: { readonly runs: number }): void {
  it('gives the losses and gradients of the composed path, also where probabilities round to 0 and 1', () =>
    fc.assert(
      fc.asyncProperty(
        fc.record({
          rows: fc.integer({ min: 1, max: 40 }),
          inputs: fc.integer({ min: 1, max: 40 }),
          outputs: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.constant(88)),
          scale: fc.constantFrom(1, 20),
          seed: fc.nat(),
        }),
        async (at) => {
          const before = tf.memory().numTensors;
          const inputs = inputsOf(at);
          const { result: fused, sigmoids } = countFused(() => lossOf(inputs, true));
          const composed = lossOf(inputs, false);
          // With gradients, and without.
          expect(sigmoids).to.equal(2);
          for (const name of ['nll', 'hidden', 'weight', 'bias'] as const) {
            const [actual, expected] = [await fused[name].data(), await composed[name].data()];
            expect(relativeError([...actual], [...expected]), `${name} of ${JSON.stringify(at)}`).to.be.below(1e-5);
          }
          tf.dispose([inputs, fused, composed]);
          expect(tf.memory().numTensors).to.equal(before);
        },
      ),
      { seed: 4, numRuns: runs },
    ));

  it('gives the same losses whether gradients are recorded or not', async () => {
    const { hidden, weight, bias, targets } = inputsOf({ rows: 9, inputs: 7, outputs: 300, scale: 1, seed: 1 });
    const scored = bernoulli.nll(hidden, weight, bias, targets);
    let trained: tf.Tensor = scored;
    tf.grad((h) => {
      trained = tf.keep(bernoulli.nll(h as tf.Tensor2D, weight, bias, targets));
      return tf.sum(trained);
    })(hidden);
    expect([...(await scored.data())]).to.deep.equal([...(await trained.data())]);
  });

  it('passes NaN on to its row alone', async () => {
    const { weight, bias, targets } = inputsOf({ rows: 3, inputs: 1, outputs: 5, scale: 1, seed: 1 });
    const nll = await bernoulli.nll(tf.tensor2d([[1], [Number.NaN], [0]]), weight, bias, targets).data();
    expect([...nll].map(Number.isNaN)).to.deep.equal([false, true, false]);
  });

  it('leaves a hidden state with a variance, and targets of another kind, to the composed path', async () => {
    const { hidden, weight, bias, targets } = inputsOf({ rows: 4, inputs: 3, outputs: 5, scale: 1, seed: 1 });
    const { sigmoids, result } = countFused(() => [
      bernoulli.nll(hidden, weight, bias, targets, tf.ones([4, 3])),
      bernoulli.nll(hidden, weight, bias, targets.toInt()),
    ]);
    expect(sigmoids).to.equal(0);
    const direct = await bernoulli.nll(hidden, weight, bias, targets).data();
    for (const [n, value] of (await result[1]!.data()).entries()) expect(value / direct[n]!).to.be.closeTo(1, 1e-5);
  });

  it('refuses a second derivative', () => {
    const { hidden, weight, bias, targets } = inputsOf({ rows: 2, inputs: 3, outputs: 5, scale: 1, seed: 1 });
    const slope = tf.grad((h) => tf.sum(bernoulli.nll(h as tf.Tensor2D, weight, bias, targets)));
    expect(() => tf.grad((h) => tf.sum(slope(h)))(hidden)).to.throw(/second derivative/);
  });
}
