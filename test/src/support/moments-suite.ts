import {
  type Cell,
  createRng,
  enableFusedKernels,
  fusedKernels,
  type ModelShape,
  type Perturbation,
  PluginRegistry,
  SitePlan,
  unroll,
} from '@rnnx/core';
import fastDropout, { type Activation } from '@rnnx/fast-dropout';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { countFused } from './fused.js';
import { difference } from './sequences.js';

export interface MomentCase {
  readonly activation: Activation;
  readonly moments: 'closed-form' | 'quadrature';
  readonly rate: number;
  readonly nodes: number;
  readonly steps: number;
  readonly batch: number;
  readonly units: number;
  readonly seed: number;
}

const registry = new PluginRegistry([...fastDropout]);

const anyCase: fc.Arbitrary<MomentCase> = fc.record({
  activation: fc.constantFrom('tanh', 'sigmoid', 'relu'),
  moments: fc.constantFrom('closed-form', 'quadrature'),
  rate: fc.constantFrom(0, 0.2, 0.5),
  nodes: fc.integer({ min: 2, max: 24 }),
  steps: fc.integer({ min: 1, max: 6 }),
  batch: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 25, max: 60 })),
  units: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 21, max: 70 })),
  seed: fc.integer({ min: 0, max: 2 ** 31 }),
});

/** Everything that a gradient is asked of, and the loss's weights. */
export function momentInputs({ steps, batch, units, seed }: MomentCase) {
  const rng = createRng(seed);
  const draw = (name: string, shape: number[], low: number, high: number): tf.Tensor =>
    tf.tidy(() => tf.add(tf.mul(rng.stream(name).uniform(shape), high - low), low));
  const size = 1 / Math.sqrt(units);
  return {
    differentiable: {
      x: draw('x', [steps, batch, 2], -1, 1),
      'x variance': draw('xv', [steps, batch, 2], 0.1, 1),
      input: draw('input', [2, units], -1, 1),
      recurrent: draw('recurrent', [units, units], -size, size),
      bias: draw('bias', [units], -0.5, 0.5),
      'first h': draw('h', [batch, units], -1, 1),
      'first variance': draw('v', [batch, units], 0.05, 0.5),
    } as Record<string, tf.Tensor>,
    d: draw('d', [2, steps, batch, units], -1, 1),
  };
}

/** Loss, moments of all steps and all gradients by name. */
export function runMoments(
  at: MomentCase,
  { differentiable, d }: ReturnType<typeof momentInputs>,
  fused: boolean,
  perturbations: readonly Perturbation[] = [],
): Record<string, tf.Tensor> {
  const { activation, moments, rate, nodes, units } = at;
  const options = { name: 'fast-dropout', activation, moments, nodes, input: 0.1, recurrent: rate };
  const cell = registry.create('cell', options) as Cell;
  const layout = cell.build(2, units);
  const model: ModelShape = {
    vocabularySize: undefined,
    sites: cell.sites,
    layers: [
      {
        inputSize: 2,
        hiddenSize: units,
        gates: 1,
        inputWeight: { name: 'input', shape: [2, units] },
        recurrentWeights: [{ name: 'recurrent', shape: [units, units] }],
      },
    ],
    outputWeight: [1, units],
  };
  const keys = Object.keys(differentiable);
  const results: Record<string, tf.Tensor> = {};
  enableFusedKernels(fused);
  try {
    const { value, grads } = tf.valueAndGrads((...all) => {
      const of = Object.fromEntries(keys.map((key, i) => [key, all[i]!]));
      const owned = perturbations.map((perturbation) => ({ owner: 'test', perturbation }));
      const plan = new SitePlan(owned, model, at.steps, at.batch);
      const state = { h: of['first h'], variance: of['first variance'] };
      const x = of.x as tf.Tensor3D;
      const layer = unroll(cell, layout, of, x, state as never, plan, 0, of['x variance'] as tf.Tensor3D);
      results.mean = tf.keep(layer.hidden.clone());
      results.variance = tf.keep(layer.variance!.clone());
      results['last h'] = tf.keep(layer.state.h.clone());
      results['last variance'] = tf.keep(layer.state.variance!.clone());
      return tf.sum(tf.mul(tf.stack([layer.hidden, layer.variance!]), d)) as tf.Scalar;
    })(keys.map((key) => differentiable[key]!));
    for (const [i, key] of keys.entries()) results[`d ${key}`] = grads[i]!;
    results.loss = value;
    return results;
  } finally {
    enableFusedKernels(true);
  }
}

async function expectAgreement(at: MomentCase): Promise<void> {
  const inputs = momentInputs(at);
  const { result: fused, moments } = countFused(() => runMoments(at, inputs, true));
  const composed = runMoments(at, inputs, false);
  expect(moments, 'fused runs').to.equal(1);
  for (const [name, expected] of Object.entries(composed)) {
    if (name === 'loss') continue; // A sum of terms that cancel; its terms and its gradients are all here.
    expect(fused[name]!.shape, name).to.deep.equal(expected.shape);
    const apart = difference((await fused[name]!.data()) as Float32Array, (await expected.data()) as Float32Array);
    expect(apart, `${name} of ${JSON.stringify(at)}`).to.be.below(1e-5);
  }
  tf.dispose([fused, composed, inputs.differentiable, inputs.d]);
}

export const momentCase: MomentCase = {
  activation: 'tanh',
  moments: 'closed-form',
  rate: 0.3,
  nodes: 12,
  steps: 4,
  batch: 61,
  units: 37,
  seed: 5,
};

/**
 * Tests of a backend's `FusedKernels.momentSequence` against the composed path on the same backend, which is current while
 * they run.
 *
 * @param runs random cases
 */
export function testMomentSequences({ runs }: { readonly runs: number }): void {
  it('has the moments and every gradient of the composed path, whatever the shape and the nonlinearity', () =>
    fc.assert(fc.asyncProperty(anyCase, expectAgreement), { seed: 40, numRuns: runs }));

  it('agrees at sizes beyond a tile and a thread\u2019s share', () => expectAgreement({ ...momentCase, units: 131 }));

  for (const activation of ['tanh', 'sigmoid', 'relu'] as const)
    for (const moments of ['closed-form', 'quadrature'] as const)
      it(`agrees for ${activation}, ${moments}`, () =>
        expectAgreement({ ...momentCase, activation, moments, batch: 5, units: 9 }));

  it('leaves no tensor behind but its results', () => {
    const at = { ...momentCase, batch: 5, units: 9 };
    const inputs = momentInputs(at);
    const before = tf.memory();
    const results = runMoments(at, inputs, true);
    const { numTensors, numDataBuffers } = tf.memory();
    expect(numTensors - before.numTensors).to.equal(Object.keys(results).length);
    tf.dispose(results);
    expect(tf.memory().numDataBuffers).to.equal(before.numDataBuffers).and.to.be.below(numDataBuffers);
  });

  it('refuses a second derivative', () => {
    const [first, all] = [tf.ones([2, 3]) as tf.Tensor2D, tf.ones([2, 2, 3]) as tf.Tensor3D];
    const cell = { activation: 'tanh', recurrent: 'recurrent', keep: 0.5, rule: [] } as const;
    const means = (w: tf.Tensor) =>
      fusedKernels().momentSequence!({
        cell,
        product: all,
        variance: all,
        recurrent: w as tf.Tensor2D,
        state: { mean: first, variance: first },
      })!.mean;
    const slope = tf.grad((w) => tf.sum(means(w)));
    expect(() => tf.grad((w) => tf.sum(slope(w)))(tf.ones([3, 3])))
      .to.throw(/second derivative/)
      .with.property('code', 'RNNX_OPTION_INVALID');
  });

  it('leaves perturbed sequences to the composed path', async () => {
    const scale = { kind: 'scale', layer: 0, value: tf.scalar(0.5) } as const;
    for (const site of ['recurrent', 'candidate', 'hidden', 'weights.recurrent'] as const) {
      const inputs = momentInputs(momentCase);
      const { result, moments } = countFused(() => runMoments(momentCase, inputs, true, [{ ...scale, site }]));
      expect(moments, site).to.equal(0);
      const composed = runMoments(momentCase, inputs, false, [{ ...scale, site }]);
      expect(difference(await result.mean!.data(), await composed.mean!.data()), site).to.be.below(1e-6);
    }
  });
}
