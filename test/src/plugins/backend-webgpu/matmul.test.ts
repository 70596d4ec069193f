import { createOptimizer, createRng, updateWeights, type Weights } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { createModel, minibatch, type Spec } from '../../bench/workload.js';
import { kernelsOf, reference } from '../../support/products.js';
import { createWebGpu, onWebGpu } from '../../support/webgpu.js';

/** Of the left side and the right. */
const transpositions = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;

describe('large matrix products in WGSL', function () {
  this.timeout(300_000); // software drivers compile every kernel for the processor
  onWebGpu();

  for (const [size, what] of [
    [[700, 9, 701], 'odd sizes'],
    [[640, 64, 896], 'whole tiles'],
    [[129, 31, 4000], 'few rows'],
    [[4000, 7, 130], 'few columns, fewer steps than a tile has'],
  ] as const)
    for (const [ta, tb] of transpositions)
      it(`[${size}] ${what}${ta ? ', left side transposed' : ''}${tb ? ', right side transposed' : ''}`, async () => {
        const [m, k, n] = size;
        const rng = createRng(m + n);
        const [a, b] = [rng.stream('a').uniforms(m * k), rng.stream('b').uniforms(k * n)];
        const dispatches = kernelsOf(() =>
          tf.matMul(tf.tensor2d(a, ta ? [k, m] : [m, k]), tf.tensor2d(b, tb ? [n, k] : [k, n]), ta, tb),
        );
        expect(dispatches.names, 'kernels').to.deep.equal([`product ${ta ? 'T' : 'N'}${tb ? 'T' : 'N'}`]);
        const values = await dispatches.result.data();
        const expected = reference(a, b, size, ta, tb);
        let apart = 0;
        for (const [i, value] of values.entries()) apart = Math.max(apart, Math.abs(value / expected[i]! - 1));
        expect(values.length).to.equal(expected.length);
        expect(apart).to.be.below(1e-5);
      });

  it('leaves small products to tfjs', async () => {
    const { names, result } = kernelsOf(() => tf.matMul(tf.ones([20, 30]), tf.ones([30, 40])));
    expect(names.join()).to.not.include('product ');
    expect((await result.data())[799]).to.equal(30);
  });

  it('adds long sums of few elements in a fixed order', async () => {
    const rng = createRng(8);
    const [a, b] = [rng.stream('a').uniforms(3000 * 2), rng.stream('b').uniforms(3000 * 200)];
    const { names, result } = kernelsOf(() =>
      tf.matMul(tf.tensor2d(a, [3000, 2]), tf.tensor2d(b, [3000, 200]), true, false),
    );
    expect(names.join()).to.include('MatMul').and.to.not.include('SplitK');
    const expected = reference(a, b, [2, 3000, 200], true, false);
    for (const [i, value] of (await result.data()).entries())
      expect(value).to.be.closeTo(expected[i]!, 1e-4 * expected[i]!);
  });

  it('has the gradients of tfjs’s product', async () => {
    const [x, w, dy] = ['x', 'w', 'dy'].map((name) => createRng(7).stream(name).uniform([768, 768])) as tf.Tensor2D[];
    const [dx, dw] = tf.grads((a, b) => tf.sum(tf.mul(tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D), dy!)))([x!, w!]);
    const [ofX, ofW] = [tf.matMul(dy!, tf.transpose(w!)), tf.matMul(tf.transpose(x!), dy!)];
    for (const [actual, expected] of [
      [dx!, ofX],
      [dw!, ofW],
    ] as const) {
      const [apart] = await tf.max(tf.abs(tf.sub(tf.div(actual, expected), 1))).data();
      expect(apart).to.be.below(1e-5);
    }
  });
});

describe('large matrix products of f16 in WGSL', function () {
  this.timeout(300_000);
  onWebGpu();
  before(async function () {
    if (!(await createWebGpu({ matmul: 'f16' }).probe()).available) this.skip();
  });

  for (const [ta, tb] of [
    [false, false],
    [true, true],
  ] as const)
    it(`have the bits of single precision for operands that half precision holds${ta ? ', both sides transposed' : ''}`, async () => {
      const [m, k, n] = [700, 203, 701];
      const held = (name: string, count: number) => {
        const rng = createRng(5).stream(name); // 11 bits, at exponents that half precision has however it is scaled
        return rng.uniforms(count).map((x) => (Math.floor(4096 * x) - 2048) / 64);
      };
      const [a, b] = [held('a', m * k), held('b', k * n)];
      const bits = async (matmul: string) => {
        await createWebGpu({ matmul }).activate();
        const { names, result } = kernelsOf(() =>
          tf.matMul(tf.tensor2d(a, ta ? [k, m] : [m, k]), tf.tensor2d(b, tb ? [n, k] : [k, n]), ta, tb),
        );
        return { kernel: names.at(-1), bits: new Uint32Array((await result.data()).slice().buffer) };
      };
      const [single, half, sums] = [await bits('tiles'), await bits('f16'), await bits('f16-sums')];
      expect(half.kernel).to.include(' f16');
      expect(half.bits).to.deep.equal(single.bits);
      expect(sums.bits, 'sums of half precision').to.not.deep.equal(single.bits);
    });
});

/** Whose operands are rounded to half precision, with the error (root mean square, of the product) that comes of it. */
const halves = [
  ['f16', 'added up in single precision', [1e-4, 3.5e-4]],
  ['f16-sums', 'added up by eights in half precision', [4e-4, 7e-4]],
] as const;

for (const [matmul, how, [least, most]] of halves)
  describe(`large matrix products of f16 in WGSL, ${how}`, function () {
    this.timeout(300_000);
    onWebGpu();
    before(async function () {
      const status = await createWebGpu({ matmul }).probe();
      if (!status.available) {
        console.warn(`      skipped: ${status.reason}`);
        this.skip();
      }
      await createWebGpu({ matmul }).activate();
    });

    /** Root mean square of the error, as a share of that of the product. */
    async function error(
      a: Float32Array,
      b: Float32Array,
      size: readonly [number, number, number],
      ta: boolean,
      tb: boolean,
    ) {
      const [m, k, n] = size;
      const { names, result } = kernelsOf(() =>
        tf.matMul(tf.tensor2d(a, ta ? [k, m] : [m, k]), tf.tensor2d(b, tb ? [n, k] : [k, n]), ta, tb),
      );
      expect(names, 'kernels').to.deep.equal(['largest', `product ${ta ? 'T' : 'N'}${tb ? 'T' : 'N'} ${matmul}`]);
      const expected = reference(a, b, size, ta, tb);
      let [wrong, right] = [0, 0];
      for (const [i, value] of (await result.data()).entries()) {
        wrong += (value - expected[i]!) ** 2;
        right += expected[i]! ** 2;
      }
      return Math.sqrt(wrong / right);
    }

    const normals = (name: string, count: number, scale = 1) =>
      createRng(3)
        .stream(name)
        .normals(count)
        .map((x) => x * scale);

    for (const [ta, tb] of transpositions)
      it(`are right to 3 digits${ta ? ', left side transposed' : ''}${tb ? ', right side transposed' : ''}`, async () => {
        const size = [700, 200, 701] as const;
        const found = await error(normals('a', 700 * 200), normals('b', 200 * 701), size, ta, tb);
        expect(found).to.be.within(least, most); // less would mean that nothing was rounded
      });

    it('are as right for gradients far below what f16 can hold, and numbers far above', async () => {
      const size = [640, 64, 896] as const;
      for (const [left, right] of [
        [1e-12, 1],
        [1e-20, 1e15],
        [1e9, 1e-3],
      ] as const)
        expect(await error(normals('a', 640 * 64, left), normals('b', 64 * 896, right), size, false, true)).to.be.below(
          most,
        );
    });

    it('take zeros, and pass on what is not a number', async () => {
      const zeros = await tf.matMul(tf.zeros([640, 9]), tf.ones([9, 896])).data();
      expect(zeros.every((x) => x === 0)).to.equal(true);
      const odd = tf.tensor2d([Number.NaN, ...new Array(640 * 9 - 1).fill(1)], [640, 9]);
      expect((await tf.matMul(odd, tf.ones([9, 896])).data())[5]).to.be.NaN;
    });

    it('train a model to nearly the loss of f32', async () => {
      const spec: Spec = {
        task: 'language',
        cell: 'lstm',
        layers: 1,
        hidden: 24,
        steps: 20,
        batch: 20,
        inputs: 2000,
        outputs: 2000,
        variant: 'plain',
      };
      const losses = async (matmul: string) => {
        await createWebGpu({ matmul }).activate();
        const model = createModel(spec);
        const [data, optimizer] = [minibatch(spec), createOptimizer({ name: 'sgd', learningRate: 3 })];
        let weights: Weights = model.initialize(createRng(1));
        const found: number[] = [];
        for (let step = 1; step <= 12; step++) {
          const rng = createRng(2).stream(`${step}`);
          const pass = { phase: 'train', copies: 1, average: 'log-probabilities', rng } as const;
          const state = model.initialState(spec.batch);
          const result = model.lossAndGradients(weights, data, state, 1 / spec.batch, pass);
          const context = { learningRate: 3, step };
          const updated = await updateWeights({
            optimizer,
            weights,
            slots: {},
            result,
            clipNorm: 5,
            context,
            where: '',
          });
          weights = updated.weights;
          found.push(updated.nll);
        }
        return found;
      };
      const [half, single] = [await losses(matmul), await losses('f32')];
      expect(single.at(-1)).to.be.below(single[0]! * 0.9); // it learns
      const apart = half.map((loss, i) => Math.abs(loss / single[i]! - 1));
      expect(Math.max(...apart)).to.be.within(1e-9, 2e-4);
    });
  });

type Adapter = Readonly<Record<'info' | 'limits' | 'features', object>>;
interface Adapters {
  requestAdapter(options: object): Promise<Adapter>;
}

describe('the option matmul of webgpu', () => {
  it('names the feature that the GPU lacks, and does not start', async () => {
    const flags = process.env.RNNX_WEBGPU_FLAGS;
    process.env.RNNX_WEBGPU_FLAGS = 'backend=null';
    await createWebGpu().probe(); // makes WebGPU's classes known
    const { prototype } = (globalThis as unknown as { GPU: { prototype: Adapters } }).GPU;
    const original = prototype.requestAdapter;
    prototype.requestAdapter = async function (options) {
      const { info, limits } = await original.call(this, options);
      return { info, limits, features: new Set() };
    };
    try {
      for (const [matmul, feature] of [
        ['f16', 'shader-f16'],
        ['f16-sums', 'shader-f16'],
        ['subgroups', 'subgroups'],
      ] as const) {
        const wanting = createWebGpu({ matmul });
        const status = await wanting.probe();
        expect(status).to.include({ available: false, remedy: 'leave matmul at "f32", or update the driver' });
        expect(status)
          .to.have.property('reason')
          .that.includes(`lacks the feature ${feature}, which the option matmul "${matmul}"`);
        const error = await wanting.activate().catch((error: unknown) => error);
        expect(error).to.have.property('code', 'RNNX_BACKEND_UNAVAILABLE');
      }
      expect((await createWebGpu().probe()).available).to.equal(true);
    } finally {
      prototype.requestAdapter = original;
      if (flags === undefined) delete process.env.RNNX_WEBGPU_FLAGS;
      else process.env.RNNX_WEBGPU_FLAGS = flags;
    }
  });
});
