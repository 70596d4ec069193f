import { webGpuBackend } from '@rnnx/backend-webgpu';
import { createRng } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { kernelsOf, reference } from '../../support/products.js';
import { withAdapterInfo, withShaders, withSubgroupsOf } from '../../support/subgroups.js';
import { createWebGpu, onWebGpu } from '../../support/webgpu.js';

interface Case {
  /** Rows, inner dimension, columns. */
  readonly size: readonly [number, number, number];
  readonly layout: string;
  readonly seed: number;
}

const layouts = ['NN', 'NT', 'TN', 'TT'];
const bitsOf = (values: Float32Array) => new Uint32Array(values.slice().buffer);

function operands({ size: [m, k, n], seed }: Case): [Float32Array, Float32Array] {
  const rng = createRng(seed);
  return [rng.stream('a').normals(m * k), rng.stream('b').normals(k * n)];
}

/** The product on the backend in use, by the kernel named. */
async function product(at: Case, kind: string): Promise<Float32Array> {
  const { size, layout } = at;
  const [m, k, n] = size;
  const [a, b] = operands(at);
  const [ta, tb] = [layout[0] === 'T', layout[1] === 'T'];
  const { names, result } = kernelsOf(() =>
    tf.tidy(() => tf.matMul(tf.tensor2d(a, ta ? [k, m] : [m, k]), tf.tensor2d(b, tb ? [n, k] : [k, n]), ta, tb)),
  );
  expect(names, 'kernels').to.deep.equal([`product ${layout}${kind === 'tiles' ? '' : ` ${kind}`}`]);
  const values = (await result.data()) as Float32Array;
  result.dispose();
  return values;
}

const use = (matmul: string) => createWebGpu({ matmul }).activate();

describe('large matrix products by subgroups', function () {
  this.timeout(600_000); // software drivers compile every kernel for the processor
  onWebGpu();
  before(async function () {
    const status = await createWebGpu({ matmul: 'subgroups' }).probe();
    if (!status.available) {
      console.warn(`      skipped: ${status.reason}`);
      this.skip();
    }
  });

  const anyCase = fc.record({
    // At least 32 tiles: smaller ones are tfjs's.
    size: fc.oneof(
      fc.tuple(fc.integer({ min: 641, max: 800 }), fc.integer({ min: 1, max: 70 }), fc.integer({ min: 641, max: 800 })),
      fc.tuple(fc.integer({ min: 1, max: 140 }), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 3969, max: 4300 })),
      fc.tuple(fc.integer({ min: 3969, max: 4300 }), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 140 })),
    ),
    layout: fc.constantFrom(...layouts),
    seed: fc.nat(1000),
  });

  it('have the bits of those by tiles, whatever the shape and the transposition', async () => {
    const cases = fc.sample(anyCase, { seed: 6, numRuns: 16 });
    for (const layout of layouts) expect(cases.map((at) => at.layout)).to.include(layout);
    await use('tiles');
    const tiles: Uint32Array[] = [];
    for (const at of cases) tiles.push(bitsOf(await product(at, 'tiles')));
    await use('subgroups');
    for (const [i, at] of cases.entries())
      expect(bitsOf(await product(at, 'subgroups')), JSON.stringify(at)).to.deep.equal(tiles[i]);
  });

  it('pass on what is not a number, and nothing that lies beyond the inner dimension', async () => {
    await use('subgroups');
    const odd = tf.tensor2d([Number.NaN, ...new Array(640 * 9 - 1).fill(1)], [640, 9]);
    expect((await tf.matMul(odd, tf.ones([9, 896])).data()).map(Number.isNaN as never).slice(0, 900)).to.deep.equal(
      Float32Array.from({ length: 900 }, (_, i) => (i < 896 ? 1 : 0)),
    );
    const infinite = tf.fill([9, 896], Number.POSITIVE_INFINITY);
    const values = await tf.matMul(tf.ones([640, 9]), infinite).data();
    expect(values.every((x) => x === Number.POSITIVE_INFINITY)).to.equal(true);
  });

  for (const [size, least, most, layout] of [
    [32, 32, 32, 'NT'],
    [64, 32, 64, 'TN'],
  ] as const)
    it(`are right where subgroups have ${size} threads, of ${least} to ${most}, ${layout}`, async () => {
      const at: Case = { size: [700, 21, 701], layout, seed: size };
      await use('tiles');
      const [a, b] = operands(at);
      const expected = reference(a, b, at.size, layout[0] === 'T', layout[1] === 'T');
      await withSubgroupsOf(size, { least, most }, async () => {
        await use('subgroups');
        const values = await product(at, 'subgroups');
        const apart = values.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
        expect(apart).to.be.below(1e-5);
      });
      await use('tiles');
    });
});

describe('the choice between tiles and subgroups', function () {
  this.timeout(600_000);
  onWebGpu();
  before(async function () {
    if (!(await createWebGpu({ matmul: 'subgroups' }).probe()).available) this.skip();
  });
  beforeEach(() => use('tiles'));
  after(() => use('tiles'));

  const gpu = { isFallbackAdapter: false };
  const chosen = async () => {
    await use('f32');
    return webGpuBackend()!.products;
  };
  const tiles = { NN: 'tiles', NT: 'tiles', TN: 'tiles', TT: 'tiles' };

  it('is not made where software plays the GPU', async () => {
    expect(await chosen()).to.deep.equal(tiles);
  });

  /** Kernels quickly compiled, that make zeros. */
  const zeros = (code: string) => code.replace('k0 < at.inner', 'k0 < 0u');
  const quick = (milliseconds: Milliseconds) =>
    withAdapterInfo(gpu, () => withShaders(zeros, () => withClock(milliseconds, chosen)));

  it('falls on the quicker one, which then computes', async () => {
    expect(await quick({ tiles: 0.2, subgroups: 0.3 })).to.deep.equal(tiles);
    await use('tiles');
    expect(await quick({ tiles: 0.3, subgroups: 0.2 })).to.deep.equal(
      Object.fromEntries(layouts.map((layout) => [layout, 'subgroups'])),
    );
    const { names, result } = kernelsOf(() => tf.matMul(tf.zeros([700, 9]), tf.zeros([9, 701])));
    expect(names).to.include('product NN subgroups');
    result.dispose();
  });

  it('goes by the least of several times, and takes tiles where they are as quick', async () => {
    expect(await quick({ tiles: 10, subgroups: 9.8 })).to.deep.equal(tiles);
    await use('tiles');
    let runs = 0;
    const wavering = {
      tiles: 10,
      get subgroups() {
        return runs++ % 2 === 0 ? 40 : 9;
      },
    };
    expect(await quick(wavering)).to.have.property('NN', 'subgroups');
  });

  it('falls on tiles where the bits differ, however slow they are', async () => {
    const other = (code: string) =>
      /^enable subgroups/m.test(code)
        ? zeros(code).replace('sums[i][j]', 'sums[i][j] + select(0.0, 1.0, row == 299u)')
        : zeros(code);
    const work = () => withClock({ tiles: 9, subgroups: 1 }, chosen);
    expect(await withAdapterInfo(gpu, () => withShaders(other, work))).to.deep.equal(tiles);
  });

  it('falls on tiles where the driver refuses the kernel, and the backend works on', async () => {
    const refused = (code: string) => code.replaceAll(/subgroup(Broadcast|Shuffle)\(/g, 'no_such_function(');
    expect(await withAdapterInfo(gpu, () => withShaders(refused, chosen))).to.deep.equal(tiles);
    await product({ size: [700, 9, 701], layout: 'NN', seed: 1 }, 'tiles');
  });
});

/** Of one product. */
type Milliseconds = Readonly<Record<'tiles' | 'subgroups', number>>;

/** Does some work while the clock shows nothing but what products take. */
async function withClock<T>(milliseconds: Milliseconds, work: () => Promise<T>): Promise<T> {
  const { prototype } = (globalThis as unknown as { GPUComputePassEncoder: { prototype: Pass } }).GPUComputePassEncoder;
  const { setPipeline, dispatchWorkgroups } = prototype;
  const now = performance.now;
  let time = 0;
  let each = 0;
  prototype.setPipeline = function (pipeline) {
    each = pipeline.label.endsWith('subgroups') ? milliseconds.subgroups : milliseconds.tiles;
    setPipeline.call(this, pipeline);
  };
  prototype.dispatchWorkgroups = function (...groups) {
    time += each;
    dispatchWorkgroups.apply(this, groups);
  };
  performance.now = () => time;
  try {
    return await work();
  } finally {
    Object.assign(prototype, { setPipeline, dispatchWorkgroups });
    performance.now = now;
  }
}

interface Pass {
  setPipeline(pipeline: { readonly label: string }): void;
  dispatchWorkgroups(...groups: number[]): void;
}
