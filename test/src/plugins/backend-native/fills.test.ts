import { createRng, enableFusedKernels } from '@rnnx/core';
import { expect } from 'chai';
import { onNative } from '../../support/native.js';

describe('random fills of the native backend', () => {
  onNative();

  it('have the bits of the core for every draw, seed and length', async () => {
    for (const seed of [0, 7, 2 ** 31 + 5, Number.MAX_SAFE_INTEGER])
      for (const count of [1, 2, 3, 5, 1000, 40_001]) {
        const rng = createRng(seed).stream(`count-${count}`);
        const draws = async () => ({
          uniforms: rng.uniforms(count),
          normals: rng.normals(count),
          bernoulli: await rng.bernoulli([count], 0.3).data(),
        });
        const native = await draws();
        enableFusedKernels(false);
        const plain = await draws().finally(() => enableFusedKernels(true));
        expect(bits(native), `seed ${seed}, ${count} numbers`).to.deep.equal(bits(plain));
      }
  });
});

function bits(draws: Record<string, ArrayLike<number>>): Record<string, Uint32Array> {
  return Object.fromEntries(
    Object.entries(draws).map(([name, values]) => [name, new Uint32Array(Float32Array.from(values).buffer)]),
  );
}
