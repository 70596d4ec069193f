import type { NativeBackend } from '@rnnx/backend-native';
import { createRng, enableFusedKernels } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
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
          uniform: await rng.uniform([count]).data(),
          normal: await rng.normal([1, count]).data(),
          bernoulli: await rng.bernoulli([count], 0.3).data(),
          dropoutMask: await rng.dropoutMask([count], 0.3).data(),
          divided: await tf.div(rng.bernoulli([count], 0.3), 0.3).data(),
        });
        const native = await draws();
        enableFusedKernels(false);
        const plain = await draws().finally(() => enableFusedKernels(true));
        expect(bits({ mask: native.dropoutMask })).to.deep.equal(bits({ mask: native.divided }));
        expect(bits(native), `seed ${seed}, ${count} numbers`).to.deep.equal(bits(plain));
      }
  });

  it('make tensors in memory that is used again', () => {
    const backend = tf.backend() as NativeBackend;
    const draw = () => {
      const rng = createRng(1);
      for (const tensor of [rng.uniform([50, 60]), rng.normal([50, 60]), rng.bernoulli([50, 60], 0.5)])
        tensor.dispose();
    };
    draw();
    const before = backend.poolStatistics();
    draw();
    const after = backend.poolStatistics();
    expect(after.allocated).to.equal(before.allocated);
    expect(after.reused).to.equal(before.reused + 3);
    expect(after.used).to.equal(before.used);
  });
});

function bits(draws: Record<string, ArrayLike<number>>): Record<string, Uint32Array> {
  return Object.fromEntries(
    Object.entries(draws).map(([name, values]) => [name, new Uint32Array(Float32Array.from(values).buffer)]),
  );
}
