import { type Addon, findAddon } from '@rnnx/backend-native';
import {
  createRng,
  createSequenceModel,
  enableFusedKernels,
  type FrameTask,
  type Minibatch,
  type Perturbation,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { smallModel, testRegistry } from '../../support/models.js';
import { onNative } from '../../support/native.js';
import { difference } from '../../support/sequences.js';
import {
  fusedProduct,
  type ProductCase,
  productInputs,
  runProduct,
  testSteppedProducts,
} from '../../support/stepped-suite.js';

function addon(): Addon {
  const found = findAddon();
  if ('reason' in found) throw new Error(found.reason);
  return found.addon;
}

describe('products with a weight that differs by step', () => {
  onNative();

  testSteppedProducts({ runs: 150 });

  it('gives the same bits on one thread and on several', () => {
    const shape = [true, true, true] as const;
    const perturbations = [
      { kind: 'scale', shape },
      { kind: 'shift', shape: [true, false, true] },
    ] as const;
    const bits = (transposed: boolean) =>
      tf.tidy(() =>
        runProduct(
          { steps: 4, batch: 7, rows: 190, columns: 133, transposed, perturbations, seed: 2 },
          fusedProduct,
        ).map((tensor) => [...new Int32Array(Float32Array.from(tensor.dataSync()).buffer)]),
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
        const { x, weight, values } = productInputs(at);
        const loss = (w: tf.Tensor, value: tf.Tensor) =>
          tf.sum(fusedProduct(x as tf.Tensor3D, w as tf.Tensor2D, [{ kind: 'shift', value }], true)) as tf.Scalar;
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
