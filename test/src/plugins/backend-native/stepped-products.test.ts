import { type Addon, findAddon } from '@rnnx/backend-native';
import {
  createRng,
  createSequenceModel,
  enableFusedKernels,
  type FrameTask,
  fusedKernels,
  type Minibatch,
  type Perturbation,
  type SteppedPerturbation,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { smallModel, testRegistry } from '../../support/models.js';
import { onNative } from '../../support/native.js';
import { difference } from '../../support/sequences.js';

interface ProductCase {
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

function inputsOf({ steps, batch, rows, columns, transposed, perturbations, seed }: ProductCase) {
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

type Product = (x: tf.Tensor3D, w: tf.Tensor2D, given: readonly SteppedPerturbation[], back: boolean) => tf.Tensor3D;

const composed: Product = (x, weight, perturbations, transposed) => {
  let all: tf.Tensor = tf.tile(tf.expandDims(weight, 0), [x.shape[0], 1, 1]);
  for (const { kind, value } of perturbations) all = kind === 'scale' ? tf.mul(all, value) : tf.add(all, value);
  return tf.matMul(x, all as tf.Tensor3D, false, transposed);
};
const native: Product = (...args) => fusedKernels().steppedProduct!(...args)!;

/** The product, and the gradients of Σ y·dy for x, the weight and the values. */
function run(at: ProductCase, times: Product): tf.Tensor[] {
  const { x, weight, dy, values } = inputsOf(at);
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

function addon(): Addon {
  const found = findAddon();
  if ('reason' in found) throw new Error(found.reason);
  return found.addon;
}

describe('products with a weight that differs by step', () => {
  onNative();

  it('gives values and gradients of the composed product, whatever the shapes and the perturbations', () =>
    fc.assert(
      fc.asyncProperty(anyCase, async (at) => {
        const [actual, expected] = tf.tidy(() => [run(at, native), run(at, composed)] as never) as tf.Tensor[][];
        for (const [i, tensor] of expected!.entries()) {
          expect(actual![i]!.shape).to.deep.equal(tensor.shape);
          const terms = Math.max(1, (at.steps * at.batch * at.rows * at.columns) / tensor.size);
          const apart = difference(await actual![i]!.data(), await tensor.data(), terms);
          expect(apart, `result ${i} of ${JSON.stringify(at)}`).to.be.below(1e-5);
        }
        tf.dispose([actual, expected] as never);
      }),
      { seed: 4, numRuns: 150 },
    ));

  it('gives the same bits on one thread and on several', () => {
    const shape = [true, true, true] as const;
    const perturbations = [
      { kind: 'scale', shape },
      { kind: 'shift', shape: [true, false, true] },
    ] as const;
    const bits = (transposed: boolean) =>
      tf.tidy(() =>
        run({ steps: 4, batch: 7, rows: 190, columns: 133, transposed, perturbations, seed: 2 }, native).map(
          (tensor) => [...new Int32Array(Float32Array.from(tensor.dataSync()).buffer)],
        ),
      );
    const threads = addon().threadCount();
    try {
      addon().setThreadCount(1);
      const alone = [bits(false), bits(true)];
      for (const count of [2, 3]) {
        addon().setThreadCount(count);
        expect([bits(false), bits(true)], `${count} threads`).to.deep.equal(alone);
      }
    } finally {
      addon().setThreadCount(threads);
    }
  });

  for (const odd of [Number.NaN, Number.POSITIVE_INFINITY])
    it(`passes ${odd} on as the composed product does`, () => {
      const at: ProductCase = {
        ...{ steps: 3, batch: 2, rows: 5, columns: 4, transposed: false, seed: 1 },
        perturbations: [{ kind: 'scale', shape: [true, true, true] }],
      };
      tf.tidy(() => {
        const { x, weight, values } = inputsOf(at);
        const masks = values[0]!.dataSync().slice();
        masks[23] = odd;
        const given = [{ kind: 'scale', value: tf.tensor(masks, [3, 5, 4]) }] as const;
        const kinds = (product: Product) =>
          [...product(x as tf.Tensor3D, weight as tf.Tensor2D, given, false).dataSync()].map((v) =>
            Number.isFinite(v) ? 'finite' : `${v}`,
          );
        expect(kinds(native)).to.deep.equal(kinds(composed));
        expect(kinds(native).filter((kind) => kind !== 'finite')).to.have.length(2);
      });
    });

  it('works out the gradient of values, which are as large as all steps’ weights, only where it is asked for', () => {
    const at: ProductCase = {
      ...{ steps: 3, batch: 2, rows: 5, columns: 4, transposed: true, seed: 1 },
      perturbations: [{ kind: 'shift', shape: [true, true, true] }],
    };
    const exports = addon();
    const whole = exports.steppedProductGradient;
    let withValues = 0;
    exports.steppedProductGradient = (...args) => {
      if (args[7].some((gradient) => gradient !== null)) withValues++;
      whole(...args);
    };
    try {
      tf.tidy(() => {
        const { x, weight, values } = inputsOf(at);
        const loss = (w: tf.Tensor, value: tf.Tensor) =>
          tf.sum(native(x as tf.Tensor3D, w as tf.Tensor2D, [{ kind: 'shift', value }], true)) as tf.Scalar;
        tf.grad((w) => loss(w, tf.mul(values[0]!, 2)))(weight);
        expect(withValues).to.equal(0);
        tf.grad((v) => loss(weight, tf.mul(v, 2)))(values[0]!);
        expect(withValues).to.equal(1);
      });
    } finally {
      exports.steppedProductGradient = whole;
    }
  });

  for (const likelihood of ['bernoulli', 'gaussian'] as const)
    it(`multiplies ${likelihood} models by noisy input and output weights, with the gradients of the composed path`, async () => {
      const [steps, batch, size, units] = [4, 3, 6, 5];
      const registry = testRegistry();
      const rng = createRng(5);
      const noise = (rows: number, columns: number) => rng.uniform([steps, rows, columns]);
      const perturbations: Perturbation[] = [
        { site: 'weights.input', layer: 0, kind: 'scale', value: rng.stream('all').uniform([size, units]) },
        { site: 'weights.input', layer: 0, kind: 'shift', value: noise(size, units) },
        { site: 'weights.output', kind: 'scale', value: noise(size, units) },
      ];
      const task: FrameTask = { kind: 'frames', size, likelihood, metric: 'nll-per-step' };
      const model = createSequenceModel({
        config: { ...smallModel, cell: 'rnn', layers: 1, hiddenSize: units, tied: false },
        task,
        cell: registry.create('cell', 'rnn') as never,
        regularizers: [{ name: 'test', regularizer: { perturb: () => perturbations } }],
      });
      const frames = (name: string) => Float32Array.from(rng.stream(name).uniforms(steps * batch * size), Math.round);
      const data: Minibatch = { steps, batch, inputs: frames('inputs'), targets: frames('targets'), mask: null };
      const weights = model.initialize(createRng(2));
      let products = 0;
      const gradients = (fused: boolean) => {
        enableFusedKernels(fused);
        const state = model.initialState(batch);
        const pass = { phase: 'train', copies: 1, average: 'log-probabilities', rng } as const;
        return model.lossAndGradients(weights, data, state, 1, pass);
      };
      const exports = addon();
      const whole = exports.steppedProduct;
      exports.steppedProduct = (...args) => {
        products++;
        whole(...args);
      };
      try {
        const [fused, plain] = [gradients(true), gradients(false)];
        // Forward and back; the input takes no gradient, but gets one.
        expect(products).to.equal(4);
        expect(difference(await fused.loss.data(), await plain.loss.data())).to.be.below(1e-5);
        for (const [name, expected] of Object.entries(plain.gradients))
          expect(difference(await fused.gradients[name]!.data(), await expected.data()), name).to.be.below(1e-5);
      } finally {
        exports.steppedProduct = whole;
        enableFusedKernels(true);
      }
    });
});
