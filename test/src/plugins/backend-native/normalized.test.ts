import { findAddon } from '@rnnx/backend-native';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { countFused, onNative } from '../../support/native.js';
import { type NormalizedCase, normalizedInputs, runNormalized } from '../../support/normalized.js';
import { difference } from '../../support/sequences.js';

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

async function expectAgreement(at: NormalizedCase, tolerance: number): Promise<void> {
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

const base: NormalizedCase = {
  cell: 'lstm',
  steps: 4,
  batch: 29,
  units: 37,
  statistics: 'minibatch',
  shifts: false,
  seed: 5,
};

describe('a batch-normalised LSTM as one native kernel', () => {
  onNative();

  it('has the states, statistics and every gradient of the composed path, whatever the shape', () =>
    fc.assert(
      fc.asyncProperty(anyCase, (at) => expectAgreement(at, 1e-5)),
      { seed: 30, numRuns: 150 },
    ));

  for (const statistics of ['minibatch', 'masked', 'stepwise', 'shared'] as const)
    it(`agrees at sizes beyond a tile and a thread's share, statistics: ${statistics}`, () =>
      expectAgreement({ ...base, batch: 61, units: 131, statistics }, 1e-5));

  it('has gradients that match finite differences', async () => {
    const at: NormalizedCase = { ...base, steps: 3, batch: 4, units: 3, shifts: true };
    const inputs = normalizedInputs(at);
    const results = runNormalized(at, inputs, true);
    for (const [name, tensor] of Object.entries(inputs.differentiable)) {
      const gradient = await results[`d ${name}`]!.data();
      const values = Float32Array.from(await tensor.data());
      const numeric = values.map((value, i) => {
        const at2 = (h: number) => {
          const moved = values.slice();
          moved[i] = value + h;
          const differentiable = { ...inputs.differentiable, [name]: tf.tensor(moved, tensor.shape) };
          const again = runNormalized(at, { ...inputs, differentiable }, true);
          return again.loss!.dataSync()[0]!;
        };
        return (at2(5e-3) - at2(-5e-3)) / 1e-2;
      });
      expect(difference(gradient, numeric), name).to.be.below(5e-3);
    }
  });

  it('gives the same bits on one thread and on several', () => {
    const found = findAddon();
    if ('reason' in found) throw new Error(found.reason);
    const at: NormalizedCase = { ...base, batch: 61, units: 131, statistics: 'masked' };
    const inputs = normalizedInputs(at);
    const bits = () =>
      Object.fromEntries(
        Object.entries(runNormalized(at, inputs, true)).map(([name, tensor]) => [
          name,
          [...new Int32Array(Float32Array.from(tensor.dataSync()).buffer)],
        ]),
      );
    const threads = found.addon.threadCount();
    try {
      found.addon.setThreadCount(1);
      const alone = bits();
      for (const count of [2, 3, 5]) {
        found.addon.setThreadCount(count);
        expect(bits(), `${count} threads`).to.deep.equal(alone);
      }
    } finally {
      found.addon.setThreadCount(threads);
    }
  });

  it('leaves what it does not know to the composed path', async () => {
    for (const cell of ['rnn-tanh', 'gru-after', 'gru-before'] as const) {
      const { fused, composed, normalized } = bothPaths({ ...base, cell });
      expect(normalized).to.equal(0);
      const [a, b] = [await fused.loss!.data(), await composed.loss!.data()];
      expect(difference(a, b)).to.be.below(1e-6);
    }
  });

  it('gives NaN where the composed path does', async () => {
    const inputs = normalizedInputs(base);
    const x = Float32Array.from(await inputs.differentiable.x!.data());
    x[base.batch * 2 * 2] = Number.NaN; // step 2
    const differentiable = { ...inputs.differentiable, x: tf.tensor(x, inputs.differentiable.x!.shape) };
    const nans = (fused: boolean) => {
      const { hidden } = runNormalized(base, { ...inputs, differentiable }, fused);
      return [...hidden!.dataSync()].map(Number.isNaN);
    };
    expect(nans(true)).to.include(true).and.include(false).and.deep.equal(nans(false));
  });
});
