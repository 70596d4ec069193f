import { createRng } from '@rnnx/core';
import { expect } from 'chai';
import type { Fuzzed } from './addon/fuzz.js';
import type { Numerics } from './addon/numerics.js';
import { Draws, instructionSets, needsAddon, openAddon, runProgram } from './addon/open.js';

/** What a function gives at 1, 2, 3 and 8 threads; the count is put back. */
function atThreadCounts<T>(body: () => T): T[] {
  const addon = openAddon();
  const before = addon.threadCount();
  try {
    return [1, 2, 3, 8].map((count) => {
      addon.setThreadCount(count);
      expect(addon.threadCount()).to.equal(count);
      return body();
    });
  } finally {
    addon.setThreadCount(before);
  }
}

function expectSameBits(results: readonly Float32Array[]): void {
  for (const result of results)
    expect(Buffer.compare(Buffer.from(result.buffer), Buffer.from(results[0]!.buffer))).to.equal(0);
}

describe('native addon', () => {
  needsAddon();

  it('agrees with double precision on every instruction set of this processor', () => {
    const sets = instructionSets();
    expect(sets).to.include(openAddon().isa());
    for (const isa of sets) {
      const report = runProgram('numerics', { RNNX_NATIVE_ISA: isa }) as Numerics;
      expect(report.products.cases, isa).to.be.at.least(1000);
      expect(report.products.worst, `${isa}: ${report.products.where}`).to.be.below(1e-6);
      expect(report.sparse.cases, isa).to.be.at.least(50);
      expect(report.sparse.wrong, isa).to.deep.equal([]);
      expect(report.softmaxLoss, isa).to.be.below(1e-5);
      expect(report.sigmoidLoss, isa).to.be.below(1e-5);
      expect(report.specials, isa).to.deep.equal([]);
      expect(Object.keys(report.functions)).to.have.length(4);
      for (const [name, ulps] of Object.entries(report.functions)) expect(ulps, `${isa}: ${name}`).to.be.below(3);
    }
  });

  describe('matrix product', () => {
    needsAddon();

    it('gives the same bits at any thread count', () => {
      const draws = new Draws('threads');
      for (const [m, n, k] of [
        [20, 650, 800],
        [333, 257, 129],
        [1, 5000, 70],
        [700, 1, 900],
      ] as const) {
        const [a, b] = [draws.floats(m * k), draws.floats(k * n)];
        const few = a.map((x) => (draws.chance(0.05) ? x : 0));
        for (const [flipped, turned, left] of [
          [false, true, a],
          [false, false, few],
          [true, false, few],
        ] as const)
          expectSameBits(
            atThreadCounts(() => {
              const c = new Float32Array(m * n);
              openAddon().gemm(flipped, turned, m, n, k, left, b, c, false);
              return c;
            }),
          );
      }
    });

    it('gives a row the same bits alone as among others, in any layout', () => {
      const draws = new Draws('rows');
      const [m, n, k] = [45, 70, 500];
      const [a, b] = [draws.floats(m * k), draws.floats(k * n)];
      const [whole, row] = [new Float32Array(m * n), new Float32Array(n)];
      const turned = Float32Array.from({ length: k * n }, (_, i) => b[(i % k) * n + Math.floor(i / k)]!);
      openAddon().gemm(false, false, m, n, k, a, b, whole, false);
      for (let i = 0; i < m; i++) {
        openAddon().gemm(true, true, 1, n, k, a.subarray(i * k, (i + 1) * k), turned, row, false);
        expectSameBits([whole.slice(i * n, (i + 1) * n), row.slice()]);
      }
    });

    it('passes NaN and infinity as IEEE 754 says, also through zeros', () => {
      const [m, n, k] = [17, 40, 30];
      const draws = new Draws('specials');
      const [a, b, c] = [draws.floats(m * k), draws.floats(k * n), new Float32Array(m * n)];
      a[2 * k + 3] = NaN;
      a[5 * k + 1] = Infinity;
      a[9 * k + 4] = 0;
      b[4 * n + 7] = -Infinity;
      openAddon().gemm(false, false, m, n, k, a, b, c, false);
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n; j++) {
          let wanted = 0;
          for (let step = 0; step < k; step++) wanted += a[i * k + step]! * b[step * n + j]!;
          if (Number.isFinite(wanted)) expect(c[i * n + j]).to.be.closeTo(wanted, 1e-4);
          else expect(c[i * n + j]).to.deep.equal(wanted);
        }
    });
  });

  describe('random numbers', () => {
    needsAddon();

    it('are those of the core, bit for bit', () => {
      const rng = createRng(2024);
      // The key is not public: the same words come from the same seed, which is the key of the root stream.
      const key = [2024, 0] as const;
      for (const count of [0, 1, 2, 3, 7, 100_001]) {
        const floats = new Float32Array(count);
        openAddon().philoxUniforms(...key, count, floats);
        expectSameBits([rng.uniforms(count), floats]);
        openAddon().philoxNormals(...key, count, floats);
        expectSameBits([rng.normals(count), floats]);
        const doubles = new Float64Array(count);
        openAddon().philoxDoubles(...key, count, doubles);
        expect(doubles).to.deep.equal(rng.doubles(count));
      }
    });

    it('compare with the keep probability as the core does', async () => {
      for (const keep of [0, 2 ** -32, 0.3, 0.5, 1 - 2 ** -40, 1]) {
        const out = new Float32Array(5001);
        openAddon().philoxBernoulli(2024, 0, out.length, keep, 1, out);
        const tensor = createRng(2024).bernoulli([out.length], keep);
        expect(out).to.deep.equal(await tensor.data());
        tensor.dispose();
      }
    });

    it('do not depend on the thread count', () => {
      expectSameBits(
        atThreadCounts(() => {
          const out = new Float32Array(54_321);
          openAddon().philoxNormals(7, 4_000_000_000, out.length, out);
          return out;
        }),
      );
    });
  });

  it('adds up squares and steps of optimizers alike at any thread count', () => {
    const draws = new Draws('steps');
    const [w, g] = [draws.floats(150_001), draws.floats(150_001)];
    const addon = openAddon();
    const sums = atThreadCounts(() => {
      const control = new Float64Array(3);
      addon.addSquares(w.length, w, control);
      return control[0]!;
    });
    expect(new Set(sums).size).to.equal(1);
    expect(sums[0]).to.be.closeTo(
      w.reduce((sum, x) => sum + x * x, 0),
      1e-6 * sums[0]!,
    );
    expectSameBits(
      atThreadCounts(() => {
        const out = [0, 1, 2].map(() => new Float32Array(w.length)) as [Float32Array, Float32Array, Float32Array];
        addon.adam(
          w.length,
          w,
          g,
          Float64Array.of(0, 0.5, 1),
          0.1,
          out[0],
          0.9,
          0.999,
          1e-8,
          1,
          g,
          w.map(Math.abs),
          out[1],
          out[2],
        );
        return out[0];
      }),
    );
  });

  it('gives losses that are not finite where logits are not, and takes -infinity for a word that cannot be', () => {
    const [rows, inputs, outputs] = [3, 4, 21];
    const draws = new Draws('nonfinite');
    const [hidden, weight, bias] = [
      draws.floats(rows * inputs),
      draws.floats(outputs * inputs),
      draws.floats(outputs),
    ] as const;
    hidden[inputs] = NaN;
    bias[5] = -Infinity;
    const nll = new Float32Array(rows);
    const memory = new Float32Array(openAddon().softmaxLossMemory(rows, outputs));
    const labels = Int32Array.of(1, 2, 5);
    openAddon().softmaxLoss(rows, inputs, outputs, hidden, weight, bias, labels, nll, memory);
    expect(nll[0]).to.be.above(0).and.below(20);
    expect(nll[1]).to.be.NaN;
    expect(nll[2]).to.equal(Infinity);
    const db = new Float32Array(outputs);
    const gradient = (dy: Float32Array) =>
      openAddon().softmaxLossGradient(
        ...([rows, inputs, outputs, hidden, weight, labels, memory, dy, null, null, db] as const),
      );
    gradient(Float32Array.of(1, 0, 0));
    expect([...db].every(Number.isNaN)).to.equal(true);
    // The same without the row that is not finite.
    const one = new Float32Array(openAddon().softmaxLossMemory(1, outputs));
    openAddon().softmaxLoss(1, inputs, outputs, hidden, weight, bias, labels, nll, one);
    openAddon().softmaxLossGradient(
      1,
      inputs,
      outputs,
      hidden,
      weight,
      labels,
      one,
      Float32Array.of(1),
      null,
      null,
      db,
    );
    expect(db[5]).to.equal(0);
    expect(db.reduce((sum, x) => sum + x, 0)).to.be.closeTo(0, 1e-6);
  });

  it('answers 10,000 malformed calls with coded errors and lives on', () => {
    const report = runProgram('fuzz') as Fuzzed;
    expect(report.calls).to.be.at.least(10_000);
    expect(report.strange).to.deep.equal([]);
    expect(report.neverRefused).to.deep.equal([]);
    expect(report.refused).to.be.above(5000);
  });

  it('says what is wrong with an argument', () => {
    const addon = openAddon();
    const x = new Float32Array(4);
    const cases: [() => void, RegExp][] = [
      [
        () => addon.gemm(false, false, 2, 2, 2, x, x, x.subarray(1), false),
        /gemm: C must have at least 4 elements, got 3/,
      ],
      [
        () => addon.gemm(false, false, 2.5, 2, 2, x, x, x, false),
        /gemm: M must be a whole number from 0 to \d+, got 2.5/,
      ],
      [
        () => addon.sgd(4, x, new Int32Array(4) as never, new Float64Array(3), 1, x),
        /sgd: gradient must be a Float32Array, got an Int32Array/,
      ],
      [() => addon.philoxBernoulli(0, 0, 4, 1.5, 1, x), /philoxBernoulli: keep must be from 0 to 1/],
      [
        () => addon.softmaxLoss(1, 2, 2, x, x, x, Int32Array.of(2), x, null),
        /softmaxLoss: labels must be in 0 .. outputs-1/,
      ],
      [() => addon.setThreadCount(0), /setThreadCount: count must be a whole number from 1 to 256, got 0/],
    ];
    for (const [call, message] of cases) expect(call).to.throw(message).with.property('code', 'RNNX_NATIVE_ARGUMENT');
  });

  it('serves several threads of one process at once', () => {
    expect(runProgram('workers', { RNNX_NATIVE_THREADS: '3' })).to.deep.equal([60, 60, 60]);
  });

  it('lets workers and the process end while its threads sleep', () => {
    expect(runProgram('only-in-worker')).to.deep.equal([0, 0, 0]);
  });
});
