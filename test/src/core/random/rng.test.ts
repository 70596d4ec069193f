import { createRng, type Rng, RnnxError } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { normalCdf } from '../../support/special-functions.js';
import {
  chiSquareTest,
  correlationTest,
  kolmogorovSmirnovTest,
  meanTest,
  moment,
  zTest,
} from '../../support/statistics.js';

const root = createRng(20_180_503);

/** Made by this code when it was written: a change here changes every run that was ever recorded. */
const golden = {
  root: '2dce73e5 1348e23f fcf8e0ec a287aadb',
  far: 'd68673d4 bda7ef3a 43f9f5cc fb7d9ce3',
  named: 'db39d882 b09cb0c5 e5c9a300 d37e35db',
  nested: '15950526 bacf8205 c6dbcce2 73d0a246',
  unicode: '62c3fd4d 8b05befd 234d5232 ec7e5815',
  uniforms: [0.845974862575531, 0.017436206340789795, 0.8486462235450745],
  normals: [0.5749192237854004, 0.06323838979005814, -0.156708225607872],
  doubles: [0.845974879921414, 0.017436195048503578],
  permutation: [2, 3, 0, 1, 4, 7, 5, 6],
};

function words(rng: Rng, element = 0, attempt = 0): string {
  const out = new Uint32Array(4);
  rng.words(element, attempt, out);
  return Array.from(out, (word) => word.toString(16).padStart(8, '0')).join(' ');
}

describe('seeds', () => {
  for (const seed of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '7', 7n, null, undefined]) {
    it(`refuses ${String(seed)} (${typeof seed})`, () => {
      expect(() => createRng(seed as number))
        .to.throw(RnnxError, /from 0 to 9007199254740991/)
        .with.property('code', 'RNNX_SEED_INVALID');
    });
  }

  it('accepts both ends, and every bit of a seed counts', () => {
    const seeds = [0, ...Array.from({ length: 53 }, (_, bit) => 2 ** bit), Number.MAX_SAFE_INTEGER];
    expect(new Set(seeds.map((seed) => words(createRng(seed)))).size).to.equal(seeds.length);
  });
});

describe('streams', () => {
  it('keep their words', () => {
    expect(words(createRng(0))).to.equal(golden.root);
    expect(words(createRng(2 ** 53 - 1), 2 ** 32 + 5, 3)).to.equal(golden.far);
    expect(words(createRng(1).stream('noisin'))).to.equal(golden.named);
    expect(words(createRng(1).stream('noisin').stream('layer-1/epoch-3/step-17'))).to.equal(golden.nested);
    expect(words(createRng(1).stream('größe 漢字'))).to.equal(golden.unicode);
  });

  it('keep their numbers', () => {
    const rng = createRng(1).stream('noisin');
    expect([...rng.uniforms(3)]).to.deep.equal(golden.uniforms);
    expect([...rng.normals(3)]).to.deep.equal(golden.normals);
    expect([...rng.doubles(2)]).to.deep.equal(golden.doubles);
    expect([...rng.permutation(8)]).to.deep.equal(golden.permutation);
  });

  it('depend on name and path alone, not on what was drawn before', () => {
    const parent = createRng(1);
    const before = words(parent.stream('a'));
    parent.normals(100);
    parent.stream('b').uniforms(100);
    expect(words(parent.stream('a'))).to.equal(before);
    expect(words(createRng(1).stream('a'))).to.equal(before);
  });

  it('differ by name, by order of names, and from their parent', () => {
    const named = (...path: string[]) => words(path.reduce((rng, name) => rng.stream(name), createRng(1)));
    const paths = [
      [],
      [''],
      ['', ''],
      ['a'],
      ['b'],
      ['a', 'b'],
      ['b', 'a'],
      ['ab'],
      ['a\0'],
      ['\0'],
      ['a/b'],
      ['twelve-bytes'],
      ['twelve-bytes', 'twelve-bytes'],
      ['twelve-bytestwelve-bytes'],
      ['twelve-bytes\0'],
    ];
    expect(new Set(paths.map((path) => named(...path))).size).to.equal(paths.length);
  });

  it('differ for any two names', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (left, right) => {
        expect(words(root.stream(left)) === words(root.stream(right))).to.equal(left === right);
      }),
      { seed: 11, numRuns: 300 },
    );
  });

  it('are uncorrelated between names, seeds and neighbouring elements (false alarm 1e-6 each)', () => {
    const n = 200_000;
    const base = root.stream('step-1').normals(n + 1);
    expect(correlationTest(base.subarray(0, n), root.stream('step-2').normals(n)).passes).to.equal(true);
    expect(correlationTest(base.subarray(0, n), createRng(20_180_504).stream('step-1').normals(n)).passes).to.equal(
      true,
    );
    expect(correlationTest(base.subarray(0, n), base.subarray(1)).passes).to.equal(true);
  });

  it('spread over the words of an element: attempts, elements and plain draws share nothing', () => {
    const seen = new Set<string>();
    for (let element = 0; element < 50; element++)
      for (let attempt = 0; attempt < 50; attempt++) seen.add(words(root, element, attempt));
    expect(seen.size).to.equal(2_500);
    expect(words(root, 2 ** 32)).to.not.equal(words(root, 0));
    const first = root.doubles(1)[0]! * 2 ** 32 - 0.5;
    expect(Number.parseInt(words(root).slice(0, 8), 16)).to.not.equal(first);
  });
});

describe('draws', () => {
  const n = 400_000;

  it('are the same twice, and a shorter one begins a longer one', () => {
    for (const length of [0, 1, 2, 3, 4, 5, 7, 10]) {
      expect([...root.uniforms(length)]).to.deep.equal([...root.uniforms(11).subarray(0, length)]);
      expect([...root.normals(length)]).to.deep.equal([...root.normals(11).subarray(0, length)]);
      expect([...root.doubles(length)]).to.deep.equal([...root.doubles(11).subarray(0, length)]);
    }
  });

  it('own their memory exactly', () => {
    for (const length of [1, 3, 6]) {
      expect(root.uniforms(length).buffer.byteLength).to.equal(4 * length);
      expect(root.normals(length).buffer.byteLength).to.equal(4 * length);
    }
  });

  it('as tensors hold the host numbers in the shape asked for, one tensor each', async () => {
    const before = tf.memory().numTensors;
    const [uniform, normal, kept] = [root.uniform([2, 3]), root.normal([3, 1]), root.bernoulli([2, 2], 0.5)];
    expect(tf.memory().numTensors).to.equal(before + 3);
    expect([uniform.shape, normal.shape, kept.shape]).to.deep.equal([
      [2, 3],
      [3, 1],
      [2, 2],
    ]);
    expect([uniform.dtype, normal.dtype, kept.dtype]).to.deep.equal(['float32', 'float32', 'float32']);
    expect(await uniform.data()).to.deep.equal(root.uniforms(6));
    expect(await normal.data()).to.deep.equal(root.normals(3));
    tf.dispose([uniform, normal, kept]);
    const scalar = root.normal([]);
    expect(scalar.shape).to.deep.equal([]);
    scalar.dispose();
  });

  it('uniform: strictly inside (0, 1), by moments and distribution (false alarm 1e-6 each)', () => {
    const values = root.stream('uniform').uniforms(n);
    for (const value of values) if (!(value > 0 && value < 1)) expect.fail(`${value} is not inside (0, 1)`);
    expect(meanTest(values, 1 / 2, 1 / 12).passes).to.equal(true);
    // (u - 1/2)² has mean 1/12 and variance 1/180.
    expect(
      meanTest(
        values.map((u) => (u - 0.5) ** 2),
        1 / 12,
        1 / 180,
      ).passes,
    ).to.equal(true);
    expect(kolmogorovSmirnovTest(values, (x) => Math.min(1, Math.max(0, x))).passes).to.equal(true);
  });

  it('uniform: odd multiples of 2^-24, which float32 holds exactly up to the last below 1', () => {
    for (const value of root.uniforms(10_000)) expect((value * 2 ** 24) % 2).to.equal(1);
  });

  it('doubles: odd multiples of 2^-33 inside (0, 1), close to the float draws', () => {
    const [fine, coarse] = [root.doubles(1_000), root.uniforms(1_000)];
    fine.forEach((value, i) => {
      expect((value * 2 ** 33) % 2).to.equal(1);
      expect(value).to.be.greaterThan(0).and.lessThan(1);
      expect(Math.abs(value - coarse[i]!)).to.be.at.most(2 ** -24);
    });
  });

  it('normal: first four moments and distribution (false alarm 1e-6 each)', () => {
    const values = root.stream('normal').normals(n);
    expect(meanTest(values, 0, 1).passes).to.equal(true);
    // Var n² = 2, Var n³ = 15, Var n⁴ = 96.
    expect(zTest(moment(values, 2, 0), 1, Math.sqrt(2 / n)).passes).to.equal(true);
    expect(zTest(moment(values, 3, 0), 0, Math.sqrt(15 / n)).passes).to.equal(true);
    expect(zTest(moment(values, 4, 0), 3, Math.sqrt(96 / n)).passes).to.equal(true);
    expect(kolmogorovSmirnovTest(values, normalCdf).passes).to.equal(true);
  });

  it('normal: the two of a Box-Muller pair are independent, also in their squares (false alarm 1e-6 each)', () => {
    const values = root.stream('pairs').normals(n);
    const [even, odd] = [0, 1].map((parity) => values.filter((_, i) => i % 2 === parity));
    expect(correlationTest(even!, odd!).passes).to.equal(true);
    const squared = [even!, odd!].map((half) => half.map((x) => x * x));
    expect(correlationTest(squared[0]!, squared[1]!).passes).to.equal(true);
  });

  it('bernoulli: only 0 and 1, at the rate asked for (false alarm 1e-6 each)', async () => {
    for (const keep of [0.1, 0.5, 0.95]) {
      const tensor = root.stream(`keep ${keep}`).bernoulli([n], keep);
      const values = await tensor.data();
      tensor.dispose();
      expect([...new Set(values)].sort()).to.deep.equal([0, 1]);
      expect(meanTest(values, keep, keep * (1 - keep)).passes).to.equal(true);
    }
  });

  it('bernoulli: 0 and 1 are certain, anything outside is an error', async () => {
    const [none, all] = [root.bernoulli([1_000], 0), root.bernoulli([1_000], 1)];
    expect(Math.max(...(await none.data()))).to.equal(0);
    expect(Math.min(...(await all.data()))).to.equal(1);
    tf.dispose([none, all]);
    for (const keep of [-0.1, 1.1, Number.NaN])
      expect(() => root.bernoulli([1], keep))
        .to.throw(RnnxError, /from 0 to 1/)
        .with.property('code', 'RNNX_OPTION_INVALID');
  });

  it('dropoutMask: what bernoulli draws over the keep probability; 0 keeps nothing to divide', async () => {
    for (const keep of [0.3, 0.5, 0.95, 1]) {
      const [mask, kept] = [root.dropoutMask([30, 50], keep), root.bernoulli([30, 50], keep)];
      const divided = tf.div(kept, keep);
      expect(mask.shape).to.deep.equal([30, 50]);
      expect(await mask.data()).to.deep.equal(await divided.data());
      tf.dispose([mask, kept, divided]);
    }
    for (const keep of [0, -0.1, 1.1, Number.NaN])
      expect(() => root.dropoutMask([1], keep))
        .to.throw(RnnxError, /above 0, at most 1/)
        .with.property('code', 'RNNX_OPTION_INVALID');
  });
});

describe('permutations', () => {
  it('hold each number once', () => {
    for (const count of [0, 1, 2, 17, 1_000])
      expect([...root.permutation(count)].sort((a, b) => a - b)).to.deep.equal(
        Array.from({ length: count }, (_, i) => i),
      );
  });

  it('come in every order equally often (chi-square over the 24 of four, false alarm 1e-6)', () => {
    const counts = new Map<string, number>();
    const draws = 24_000;
    for (let i = 0; i < draws; i++) {
      const order = root.stream(`shuffle ${i}`).permutation(4).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).to.equal(24);
    expect(chiSquareTest([...counts.values()], new Array(24).fill(draws / 24)).passes).to.equal(true);
  });

  it('put every number in every place equally often (chi-square, false alarm 1e-6 a place)', () => {
    const [size, draws] = [10, 20_000];
    const counts = Array.from({ length: size }, () => new Array<number>(size).fill(0));
    for (let i = 0; i < draws; i++)
      root
        .stream(`place ${i}`)
        .permutation(size)
        .forEach((value, place) => {
          counts[place]![value]!++;
        });
    for (const place of counts) expect(chiSquareTest(place, new Array(size).fill(draws / size)).passes).to.equal(true);
  });
});
