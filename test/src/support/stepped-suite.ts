import { createRng, fusedKernels, type SteppedPerturbation } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { difference } from './sequences.js';

export interface ProductCase {
  readonly steps: number;
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
  readonly transposed: boolean;
  readonly perturbations: readonly {
    readonly kind: 'scale' | 'shift';
    /** Which dimensions are there rather than broadcast. */
    readonly shape: readonly [step: boolean, row: boolean, column: boolean];
  }[];
  readonly seed: number;
}

const anyCase: fc.Arbitrary<ProductCase> = fc.record({
  steps: fc.integer({ min: 1, max: 5 }),
  batch: fc.integer({ min: 1, max: 9 }),
  rows: fc.integer({ min: 1, max: 150 }),
  columns: fc.integer({ min: 1, max: 70 }),
  transposed: fc.boolean(),
  perturbations: fc.array(
    fc.record({
      kind: fc.constantFrom('scale' as const, 'shift' as const),
      shape: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  seed: fc.nat(),
});

export function productInputs({ steps, batch, rows, columns, transposed, perturbations, seed }: ProductCase) {
  const draw = (name: string, shape: number[]) => tf.sub(createRng(seed).stream(name).uniform(shape), 0.4);
  const [from, to] = transposed ? [columns, rows] : [rows, columns];
  return {
    x: draw('x', [steps, batch, from]),
    weight: draw('weight', [rows, columns]),
    dy: draw('dy', [steps, batch, to]),
    values: perturbations.map(({ shape }, i) => {
      const [step, ...rest] = [steps, rows, columns].map((n, axis) => (shape[axis] ? n : 1));
      return draw(`value-${i}`, shape[0] ? [step!, ...rest] : rest);
    }),
  };
}

export type Product = (
  x: tf.Tensor3D,
  w: tf.Tensor2D,
  given: readonly SteppedPerturbation[],
  back: boolean,
) => tf.Tensor3D;

const composed: Product = (x, weight, perturbations, transposed) => {
  let all: tf.Tensor = tf.tile(tf.expandDims(weight, 0), [x.shape[0], 1, 1]);
  for (const { kind, value } of perturbations) all = kind === 'scale' ? tf.mul(all, value) : tf.add(all, value);
  return tf.matMul(x, all as tf.Tensor3D, false, transposed);
};
export const fusedProduct: Product = (...args) => fusedKernels().steppedProduct!(...args)!;

/** The product, and the gradients of Σ y·dy for x, the weight and the values. */
export function runProduct(at: ProductCase, times: Product): tf.Tensor[] {
  const { x, weight, dy, values } = productInputs(at);
  const product = (...[from, w, ...rest]: tf.Tensor[]) =>
    times(
      from as tf.Tensor3D,
      w as tf.Tensor2D,
      at.perturbations.map(({ kind }, i) => ({ kind, value: rest[i]! })),
      at.transposed,
    );
  const grads = tf.grads((...all) => tf.sum(tf.mul(product(...all), dy)))([x, weight, ...values]);
  return [product(x, weight, ...values), ...grads];
}

/**
 * Tests of a backend's `FusedKernels.steppedProduct` against the composed product on the same backend, which is current while
 * they run.
 *
 * @param runs random cases
 */
export function testSteppedProducts({ runs }: { readonly runs: number }): void {
  it('gives values and gradients of the composed product, whatever the shapes and the perturbations', () =>
    fc.assert(fc.asyncProperty(anyCase, expectAgreement), { seed: 4, numRuns: runs }));

  for (const transposed of [false, true])
    it(`agrees at sizes beyond a tile${transposed ? ', transposed' : ''}`, () => {
      const shape = [true, true, true] as const;
      const perturbations = [
        { kind: 'scale', shape },
        { kind: 'shift', shape: [true, false, true] },
      ] as const;
      return expectAgreement({ steps: 3, batch: 37, rows: 190, columns: 133, transposed, perturbations, seed: 2 });
    });

  for (const odd of [Number.NaN, Number.POSITIVE_INFINITY])
    it(`passes ${odd} on as the composed product does`, async () => {
      const at: ProductCase = {
        ...{ steps: 3, batch: 2, rows: 5, columns: 4, transposed: false, seed: 1 },
        perturbations: [{ kind: 'scale', shape: [true, true, true] }],
      };
      const { x, weight, values } = productInputs(at);
      const masks = Float32Array.from(await values[0]!.data());
      masks[23] = odd;
      const given = [{ kind: 'scale', value: tf.tensor(masks, [3, 5, 4]) }] as const;
      const kinds = async (product: Product) =>
        [...(await product(x as tf.Tensor3D, weight as tf.Tensor2D, given, false).data())].map((v) =>
          Number.isFinite(v) ? 'finite' : `${v}`,
        );
      expect(await kinds(fusedProduct)).to.deep.equal(await kinds(composed));
      expect((await kinds(fusedProduct)).filter((kind) => kind !== 'finite')).to.have.length(2);
    });

  it('refuses a second derivative', () => {
    const at: ProductCase = {
      ...{ steps: 2, batch: 2, rows: 3, columns: 4, transposed: false, seed: 1 },
      perturbations: [{ kind: 'shift', shape: [true, true, true] }],
    };
    const { x, weight, values } = productInputs(at);
    const given = [{ kind: 'shift', value: values[0]! }] as const;
    const slope = tf.grad((w) => tf.sum(fusedProduct(x as tf.Tensor3D, w as tf.Tensor2D, given, false)));
    expect(() => tf.grad((w) => tf.sum(slope(w)))(weight))
      .to.throw(/second derivative/)
      .with.property('code', 'RNNX_OPTION_INVALID');
  });
}

async function expectAgreement(at: ProductCase): Promise<void> {
  const [actual, expected] = tf.tidy(
    () => [runProduct(at, fusedProduct), runProduct(at, composed)] as never,
  ) as tf.Tensor[][];
  for (const [i, tensor] of expected!.entries()) {
    expect(actual![i]!.shape).to.deep.equal(tensor.shape);
    const terms = Math.max(1, (at.steps * at.batch * at.rows * at.columns) / tensor.size);
    const apart = difference(await actual![i]!.data(), await tensor.data(), terms);
    expect(apart, `result ${i} of ${JSON.stringify(at)}`).to.be.below(1e-5);
  }
  tf.dispose([actual, expected] as never);
}
