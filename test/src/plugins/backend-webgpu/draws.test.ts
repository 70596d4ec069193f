import { createRng, enableFusedKernels, fusedKernels } from '@rnnx/core';
import type * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { onWebGpu } from '../../support/webgpu.js';

const bits = (values: ArrayLike<number>) => new Int32Array(Float32Array.from(values).buffer);

/** How many numbers differ from those of the host, and the first that does. */
async function different(tensor: tf.Tensor, expected: Float32Array): Promise<{ count: number; first?: string }> {
  const values = await tensor.data<'float32'>();
  tensor.dispose();
  expect(values.length).to.equal(expected.length);
  const [a, b] = [bits(values), bits(expected)];
  const at = [...a.keys()].filter((i) => a[i] !== b[i]);
  const [i] = at;
  return { count: at.length, ...(i !== undefined && { first: `${i}: ${values[i]} instead of ${expected[i]}` }) };
}

describe('random tensors made on the GPU', function () {
  this.timeout(300_000); // software drivers compile every kernel for the processor
  onWebGpu();

  for (const [seed, shape] of [
    [1, [1024]],
    [2, [7, 13, 101]],
    [3, [100_003]],
  ] as const)
    it(`are those of the host to the bit, [${shape}]`, async () => {
      const rng = createRng(seed).stream('noise');
      const size = shape.reduce<number>((product, n) => product * n, 1);
      expect(fusedKernels().draws!.normal(1, 2, shape)!.shape).to.deep.equal(shape);
      expect(await different(rng.uniform(shape), rng.uniforms(size)), 'uniform').to.deep.equal({ count: 0 });
      expect(await different(rng.normal(shape), rng.normals(size)), 'normal').to.deep.equal({ count: 0 });
      for (const keep of [0, 2 ** -33, 0.3, 0.5, 1 - 2 ** -33, 1]) {
        enableFusedKernels(false);
        const expected = rng.bernoulli(shape, keep);
        const values = (await expected.data<'float32'>()).slice();
        expected.dispose();
        enableFusedKernels(true);
        expect(await different(rng.bernoulli(shape, keep), values), `bernoulli ${keep}`).to.deep.equal({ count: 0 });
      }
    });

  it('have the bits of the host over a million normals', async () => {
    const rng = createRng(4).stream('many');
    expect(await different(rng.normal([1_000_000]), rng.normals(1_000_000))).to.deep.equal({ count: 0 });
  });

  it('are left to the host where there are few of them', () => {
    expect(fusedKernels().draws!.uniform(1, 2, [4])).to.equal(undefined);
  });
});
