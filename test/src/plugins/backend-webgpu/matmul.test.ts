import { createRng } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { onWebGpu } from '../../support/webgpu.js';

/** The product in double precision. */
function reference(
  a: Float32Array,
  b: Float32Array,
  [m, k, n]: readonly [number, number, number],
  ta: boolean,
  tb: boolean,
) {
  const product = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let p = 0; p < k; p++) {
      const x = a[ta ? p * m + i : i * k + p]!;
      for (let j = 0; j < n; j++) product[i * n + j]! += x * b[tb ? j * k + p : p * n + j]!;
    }
  return product;
}

describe('large matrix products in WGSL', function () {
  this.timeout(300_000); // software drivers compile every kernel for the processor
  onWebGpu();

  for (const [size, what] of [
    [[700, 9, 701], 'odd sizes'],
    [[640, 64, 896], 'whole tiles'],
    [[129, 31, 4000], 'few rows'],
    [[4000, 7, 130], 'few columns, fewer steps than a tile has'],
  ] as const)
    for (const [ta, tb] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const)
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

/** Names of the kernels that the work starts. */
function kernelsOf<T>(work: () => T): { names: string[]; result: T } {
  const { prototype } = (globalThis as unknown as { GPUComputePassEncoder: { prototype: Record<string, unknown> } })
    .GPUComputePassEncoder;
  const original = prototype.setPipeline as (pipeline: { label: string }) => void;
  const names: string[] = [];
  prototype.setPipeline = function (pipeline: { label: string }) {
    names.push(pipeline.label);
    return original.call(this, pipeline);
  };
  try {
    return { result: work(), names };
  } finally {
    prototype.setPipeline = original;
  }
}
