import { fusedKernels } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { countFused } from './fused.js';
import { type NormalizedCase, normalizedInputs, runNormalized } from './normalized.js';
import { difference } from './sequences.js';

const anyCase: fc.Arbitrary<NormalizedCase> = fc.record({
  cell: fc.constant('lstm' as const),
  steps: fc.integer({ min: 1, max: 6 }),
  batch: fc.integer({ min: 1, max: 40 }),
  units: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 21, max: 70 })),
  statistics: fc.constantFrom('minibatch', 'masked', 'stepwise', 'shared'),
  shifts: fc.boolean(),
  seed: fc.integer({ min: 0, max: 2 ** 31 }),
});

function bothPaths(at: NormalizedCase) {
  const inputs = normalizedInputs(at);
  const { result: fused, normalized } = countFused(() => runNormalized(at, inputs, true));
  return { fused, normalized, composed: runNormalized(at, inputs, false), inputs };
}

/** The kernel's states, statistics and gradients against the composed path's; `tolerance` as in `difference`. */
export async function expectAgreement(at: NormalizedCase, tolerance: number): Promise<void> {
  const { fused, normalized, composed, inputs } = bothPaths(at);
  expect(normalized, 'fused runs').to.equal(1);
  expect(Object.keys(fused)).to.have.members(Object.keys(composed));
  for (const [name, expected] of Object.entries(composed)) {
    if (name === 'loss') continue; // A sum of terms that cancel; its terms and its gradients are all here.
    const actual = fused[name]!;
    expect(actual.shape, name).to.deep.equal(expected.shape);
    const apart = difference((await actual.data()) as Float32Array, (await expected.data()) as Float32Array);
    expect(apart, `${name} of ${JSON.stringify(at)}`).to.be.below(tolerance);
  }
  tf.dispose([fused, composed, inputs.differentiable, inputs.dy]);
}

export const normalizedCase: NormalizedCase = {
  cell: 'lstm',
  steps: 4,
  batch: 29,
  units: 37,
  statistics: 'minibatch',
  shifts: false,
  seed: 5,
};

/**
 * Tests of a backend's `FusedKernels.normalizedSequence` against the composed path on the same backend, which is current while
 * they run.
 *
 * @param runs random cases
 */
export function testNormalizedSequences({ runs }: { readonly runs: number }): void {
  it('has the states, statistics and every gradient of the composed path, whatever the shape', () =>
    fc.assert(
      fc.asyncProperty(anyCase, (at) => expectAgreement(at, 1e-5)),
      { seed: 30, numRuns: runs },
    ));

  for (const statistics of ['minibatch', 'masked', 'stepwise', 'shared'] as const)
    it(`agrees at sizes beyond a tile and a thread's share, statistics: ${statistics}`, () =>
      expectAgreement({ ...normalizedCase, batch: 61, units: 131, statistics }, 1e-5));

  for (const statistics of ['minibatch', 'shared'] as const)
    it(`leaves no tensor behind but its results, statistics: ${statistics}`, () => {
      const at = { ...normalizedCase, statistics, batch: 5, units: 9 };
      const inputs = normalizedInputs(at);
      const before = tf.memory().numTensors;
      const results = runNormalized(at, inputs, true);
      const observed = Object.keys(results).filter((name) => /^(mean|variance) /.test(name)).length; // kept by the test
      expect(tf.memory().numTensors - before).to.equal(Object.keys(results).length + observed);
    });

  it('refuses a second derivative', () => {
    const norm = (width: number) => ({ gamma: tf.ones([width]), epsilon: 0.1 }) as never;
    const [state, product] = [tf.ones([2, 3]) as tf.Tensor2D, tf.ones([2, 2, 12]) as tf.Tensor3D];
    const hidden = (recurrent: tf.Tensor) =>
      fusedKernels().normalizedSequence!({
        cell: { kind: 'lstm', recurrent: 'recurrent' },
        product,
        bias: undefined,
        weights: { recurrent },
        state: { h: state, c: state },
        input: norm(12),
        recurrent: norm(12),
        readout: norm(3),
      })!.hidden;
    const slope = tf.grad((w) => tf.sum(hidden(w)));
    expect(() => tf.grad((w) => tf.sum(slope(w)))(tf.ones([3, 12])))
      .to.throw(/second derivative/)
      .with.property('code', 'RNNX_OPTION_INVALID');
  });

  it('leaves what it does not know to the composed path', async () => {
    for (const cell of ['rnn-tanh', 'gru-after', 'gru-before'] as const) {
      const { fused, composed, normalized } = bothPaths({ ...normalizedCase, cell });
      expect(normalized).to.equal(0);
      const [a, b] = [await fused.loss!.data(), await composed.loss!.data()];
      expect(difference(a, b)).to.be.below(1e-6);
    }
  });

  it('gives NaN where the composed path does', async () => {
    const inputs = normalizedInputs(normalizedCase);
    const x = Float32Array.from(await inputs.differentiable.x!.data());
    x[normalizedCase.batch * 2 * 2] = Number.NaN; // step 2
    const differentiable = { ...inputs.differentiable, x: tf.tensor(x, inputs.differentiable.x!.shape) };
    const nans = async (fused: boolean) => {
      const { hidden } = runNormalized(normalizedCase, { ...inputs, differentiable }, fused);
      return [...(await hidden!.data())].map(Number.isNaN);
    };
    expect(await nans(true))
      .to.include(true)
      .and.include(false)
      .and.deep.equal(await nans(false));
  });
}
