import cells from '@rnnx/cells';
import {
  createRng,
  createSequenceModel,
  enableFusedKernels,
  fusedKernels,
  PluginRegistry,
  type Regularizer,
} from '@rnnx/core';
import distributions from '@rnnx/distributions';
import dropconnect from '@rnnx/dropconnect';
import galDropout from '@rnnx/gal-dropout';
import noisin from '@rnnx/noisin';
import zoneout from '@rnnx/zoneout';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { smallModel, tokenBatch, wordTask } from './models.js';
import { difference } from './sequences.js';

export interface GatedCase {
  readonly steps: number;
  readonly batch: number;
  readonly inputs: number;
  readonly gates: number;
  readonly units: number;
  /** Which dimensions of the masks are there rather than broadcast. */
  readonly masks: readonly [step: boolean, example: boolean, input: boolean];
  /** Share of x that is zero; default none. */
  readonly zeros?: number;
  /** Whether their gradient is asked for; default false. */
  readonly learned?: boolean;
  readonly seed: number;
}

const anyCase: fc.Arbitrary<GatedCase> = fc.record({
  steps: fc.integer({ min: 1, max: 5 }),
  batch: fc.integer({ min: 1, max: 9 }),
  inputs: fc.integer({ min: 1, max: 70 }),
  gates: fc.integer({ min: 1, max: 4 }),
  units: fc.integer({ min: 1, max: 70 }),
  masks: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
  seed: fc.nat(),
});

type Product = (x: tf.Tensor3D, masks: tf.Tensor4D, weight: tf.Tensor2D, learned?: boolean) => tf.Tensor3D;

export const fusedGatedProduct: Product = (x, masks, weight, learned = false) =>
  fusedKernels().gatedProduct!(x, masks, weight, learned)!;

const composed: Product = (x, masks, weight) => {
  const gates = masks.shape[2];
  const columns = tf.split(weight, gates, 1);
  const parts = columns.map((w, g) => {
    const masked = tf.mul(x, tf.squeeze(tf.slice(masks, [0, 0, g, 0], [-1, -1, 1, -1]), [2]));
    return tf.matMul(tf.reshape(masked, [-1, x.shape[2]]), w as tf.Tensor2D);
  });
  return tf.reshape(tf.concat(parts, 1), [x.shape[0], x.shape[1], -1]);
};

/** The product, and the gradients of Σ y·dy for x, the weight and masks that are learned. */
export function runGated(at: GatedCase, times: Product): tf.Tensor[] {
  const { steps, batch, inputs, gates, units, masks, zeros = 0, learned = false, seed } = at;
  const draw = (name: string, shape: number[]) => tf.sub(createRng(seed).stream(name).uniform(shape), 0.4);
  const kept = tf.greaterEqual(createRng(seed).stream('zeros').uniform([steps, batch, inputs]), zeros);
  const x = tf.where(kept, draw('x', [steps, batch, inputs]), 0) as tf.Tensor3D;
  const weight = draw('weight', [inputs, gates * units]) as tf.Tensor2D;
  const [step, example, input] = [steps, batch, inputs].map((n, axis) => (masks[axis] ? n : 1));
  const mask = draw('masks', [step!, example!, gates, input!]) as tf.Tensor4D;
  const dy = draw('dy', [steps, batch, gates * units]);
  const loss = (x: tf.Tensor, w: tf.Tensor, m: tf.Tensor = mask) =>
    tf.sum(tf.mul(times(x as tf.Tensor3D, m as tf.Tensor4D, w as tf.Tensor2D, learned), dy));
  return [times(x, mask, weight, learned), ...tf.grads(loss as never)([x, weight, ...(learned ? [mask] : [])])];
}

/**
 * Tests of a backend's `FusedKernels.gatedProduct` against the composed product on the same backend, which is current while
 * they run.
 *
 * @param runs random cases
 * @param learned whether the kernel gives gradients of masks
 */
export function testGatedProducts({ runs, learned }: { readonly runs: number; readonly learned: boolean }): void {
  if (learned) {
    it('give gradients of learned masks, whatever the shapes', () =>
      fc.assert(
        fc.asyncProperty(anyCase, (at) => expectAgreement({ ...at, learned })),
        { seed: 5, numRuns: runs },
      ));

    it('give gradients of learned masks beyond a tile', () =>
      expectAgreement({
        ...{ steps: 6, batch: 27, inputs: 133, gates: 4, units: 90, masks: [false, true, true], learned, seed: 2 },
      }));
  } else
    it('leave learned masks to the composed path', () => {
      const product = fusedKernels().gatedProduct!(tf.ones([2, 2, 3]), tf.ones([1, 1, 2, 3]), tf.ones([3, 4]), true);
      expect(product).to.equal(undefined);
    });

  it('give values and gradients of the composed product, whatever the shapes', () =>
    fc.assert(fc.asyncProperty(anyCase, expectAgreement), { seed: 4, numRuns: runs }));

  for (const masks of [
    [false, true, true],
    [true, true, true],
    [true, false, false],
  ] as const)
    it(`agree at sizes beyond a tile, masks by step, example, input: ${masks.join(', ')}`, () =>
      expectAgreement({ steps: 6, batch: 27, inputs: 133, gates: 4, units: 90, masks, seed: 2 }));

  it('agree where sums and rows are more than go together', () =>
    expectAgreement({ steps: 47, batch: 20, inputs: 850, gates: 2, units: 33, masks: [false, true, true], seed: 3 }));

  it('agree where most of x is zero', () =>
    expectAgreement({
      ...{ steps: 40, batch: 20, inputs: 88, gates: 4, units: 50, masks: [false, true, true], zeros: 0.95, seed: 4 },
    }));

  for (const odd of [Number.NaN, Number.POSITIVE_INFINITY])
    it(`pass ${odd} on as the composed product does`, async () => {
      const values = createRng(1).uniforms(3 * 2 * 5);
      values[13] = odd;
      const x = tf.tensor3d(values, [3, 2, 5]);
      const [masks, weight] = [createRng(2).uniform([1, 2, 3, 5]), createRng(3).uniform([5, 12])];
      const kinds = async (product: Product) =>
        [...(await product(x, masks as tf.Tensor4D, weight as tf.Tensor2D).data())].map((v) =>
          Number.isFinite(v) ? 'finite' : `${v}`,
        );
      expect(await kinds(fusedGatedProduct)).to.deep.equal(await kinds(composed));
      expect((await kinds(fusedGatedProduct)).filter((kind) => kind !== 'finite')).to.have.length(12);
    });

  it('refuse a second derivative', () => {
    tf.tidy(() => {
      const product = (x: tf.Tensor) =>
        tf.sum(fusedGatedProduct(x as tf.Tensor3D, tf.ones([1, 1, 2, 3]), tf.ones([3, 4])));
      const slope = (x: tf.Tensor) => tf.sum(tf.grad(product)(x)) as tf.Scalar;
      expect(() => tf.grad(slope)(tf.ones([2, 2, 3])))
        .to.throw(/second derivative/)
        .with.property('code', 'RNNX_OPTION_INVALID');
    });
  });
}

async function expectAgreement(at: GatedCase): Promise<void> {
  const [actual, expected] = tf.tidy(
    () => [runGated(at, fusedGatedProduct), runGated(at, composed)] as never,
  ) as tf.Tensor[][];
  for (const [i, tensor] of expected!.entries()) {
    expect(actual![i]!.shape).to.deep.equal(tensor.shape);
    const terms = Math.max(1, (at.steps * at.batch * at.inputs * at.gates * at.units) / tensor.size);
    const apart = difference(await actual![i]!.data(), await tensor.data(), terms);
    expect(apart, `result ${i} of ${JSON.stringify(at)}`).to.be.below(1e-5);
  }
  tf.dispose([actual, expected] as never);
}

/** A scale of each gate's input that is a parameter: of all examples, after a mask by example. */
const gateScale: Regularizer = {
  parameters: ({ layers }) =>
    layers.map(({ gates, inputSize }, i) => ({
      name: `scale-${i}`,
      shape: [gates, inputSize],
      init: { name: 'uniform', scale: 1 },
    })),
  perturb: ({ model, parameters, rng, batch }) =>
    model.layers.flatMap(({ gates, inputSize }, layer) => {
      const drawn = rng.stream(`mask-${layer}`).uniform([1, batch, gates, inputSize]);
      const learned = tf.reshape(parameters[`scale-${layer}`]!, [1, 1, gates, inputSize]);
      return [drawn, learned].map((value) => ({ site: 'input', kind: 'scale', layer, value }) as const);
    }),
};

/**
 * Tests that models whose gates have masks have the loss and gradients of the composed path, on the current backend.
 *
 * @param learned whether its kernel takes masks that are learned
 */
export function testMasksInModels({ learned }: { readonly learned: boolean }): void {
  const [steps, batch, words] = [4, 3, 11];
  const registry = new PluginRegistry([
    ...cells,
    ...distributions,
    ...dropconnect,
    ...galDropout,
    ...noisin,
    ...zoneout,
  ]);
  const refs: Record<string, { ref: { name: string; [option: string]: unknown }; gated: number; made?: Regularizer }> =
    {
      'a learned scale by gate': { ref: { name: 'gate-scale' }, gated: learned ? 2 : 0, made: gateScale },
      'gal-dropout, untied': {
        ref: { name: 'gal-dropout', input: 0.3, recurrent: 0.3, output: 0.3, gates: 'untied' },
        gated: 2,
      },
      'gal-dropout, tied': { ref: { name: 'gal-dropout', input: 0.3, recurrent: 0.3, gates: 'tied' }, gated: 0 },
      zoneout: { ref: { name: 'zoneout', hidden: 0.2, cell: 0.5 }, gated: 0 },
      'dropconnect by step': { ref: { name: 'dropconnect', rate: 0.4, lifetime: 'step' }, gated: 0 },
      'learned noise': {
        ref: { name: 'noisin', distribution: 'gaussian', spread: 0.5, learned: true },
        gated: 0,
      },
    };
  for (const [name, { ref, gated, made }] of Object.entries(refs))
    it(`${name}: loss and gradients of the composed path`, async () => {
      const model = createSequenceModel({
        config: { ...smallModel, layers: 2, hiddenSize: 6, tied: false },
        task: wordTask(words),
        cell: registry.create('cell', 'lstm'),
        regularizers: [{ name: ref.name, regularizer: made ?? registry.create('regularizer', ref) }],
      });
      const weights = model.initialize(createRng(3));
      const state = model.initialState(batch);
      const pass = { phase: 'train', copies: 1, average: 'log-probabilities', rng: createRng(1) } as const;
      const kernels = fusedKernels();
      const whole = kernels.gatedProduct!;
      let taken = 0;
      kernels.gatedProduct = (...args) => {
        const product = whole(...args);
        if (product !== undefined) taken++;
        return product;
      };
      try {
        const results = [true, false].map((fused) => {
          enableFusedKernels(fused);
          return model.lossAndGradients(weights, tokenBatch(steps, batch, words), state, 1, pass);
        });
        const [actual, expected] = results as [(typeof results)[0], (typeof results)[0]];
        expect(taken).to.equal(gated);
        expect(difference(await actual.loss.data(), await expected.loss.data())).to.be.below(1e-5);
        for (const [parameter, gradient] of Object.entries(expected.gradients))
          expect(
            difference(await actual.gradients[parameter]!.data(), await gradient.data(), steps * batch),
            parameter,
          ).to.be.below(1e-5);
        tf.dispose(results as never);
      } finally {
        enableFusedKernels(true);
        kernels.gatedProduct = whole;
        tf.dispose([weights, state as never]);
      }
    });
}
