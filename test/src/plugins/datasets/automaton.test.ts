import { createRng } from '@rnnx/core';
import { type Edge, englishSource, truePerplexity, UnifilarSource } from '@rnnx/datasets';
import { expect } from 'chai';
import { zTest } from '../../support/statistics.js';

const edges = (...list: [string, number, string][]): Edge[] =>
  list.map(([symbol, probability, next]) => ({ symbol, probability, next }));

/** Runs of ones have even length (Weiss's even system): the state is hidden, yet a function of the past. */
const even = (p: number) =>
  new UnifilarSource('A', (state) => (state === 'A' ? edges(['0', 1 - p, 'A'], ['1', p, 'B']) : edges(['1', 1, 'A'])));

const binaryEntropy = (p: number) => -p * Math.log(p) - (1 - p) * Math.log(1 - p);

describe('unifilar source', () => {
  it('has the entropy rate of a fair coin and of the even process in closed form', () => {
    const coin = new UnifilarSource('s', () => edges(['h', 0.5, 's'], ['t', 0.5, 's']));
    expect(coin.entropyRate).to.be.closeTo(Math.LN2, 1e-15);
    // pi(A) = 1 / (1 + p), and only A has a choice.
    expect(even(0.3).entropyRate).to.be.closeTo(binaryEntropy(0.3) / 1.3, 1e-14);
    expect([...even(0.3).stationary]).to.satisfy(([a]: number[]) => Math.abs(a! - 1 / 1.3) < 1e-14);
    expect(even(0.3).meanCycle).to.be.closeTo(1.3, 1e-14);
  });

  it('has the entropy rate of a Markov chain by hand', () => {
    // p(stay in a) = 0.9, p(stay in b) = 0.6: pi = (0.8, 0.2).
    const chain = new UnifilarSource('a', (state) =>
      state === 'a' ? edges(['a', 0.9, 'a'], ['b', 0.1, 'b']) : edges(['a', 0.4, 'a'], ['b', 0.6, 'b']),
    );
    expect(chain.entropyRate).to.be.closeTo(0.8 * binaryEntropy(0.1) + 0.2 * binaryEntropy(0.4), 1e-13);
  });

  it('gives each token its -log p', () => {
    const source = even(0.25);
    const [zero, one] = ['0', '1'].map((symbol) => source.symbols.indexOf(symbol)) as [number, number];
    const stream = Int32Array.of(zero, one, one, zero);
    expect([...source.surprisals(stream)].map(Math.exp)).to.satisfy((inverse: number[]) =>
      inverse.every((value, i) => Math.abs(value - [4 / 3, 4, 1, 4 / 3][i]!) < 1e-12),
    );
    expect(truePerplexity(source, stream)).to.be.closeTo((64 / 9) ** 0.25, 1e-12);
  });

  it('refuses a stream that it cannot emit', () => {
    const source = even(0.25);
    const [zero, one] = ['0', '1'].map((symbol) => source.symbols.indexOf(symbol)) as [number, number];
    expect(() => source.surprisals(Int32Array.of(one, zero)))
      .to.throw(/position 1/)
      .with.property('code', 'RNNX_TOKEN_UNKNOWN');
  });

  for (const [what, bad] of [
    ['two edges of one symbol', edges(['x', 0.5, 's'], ['x', 0.5, 't'])],
    ['probabilities that do not sum to 1', edges(['x', 0.5, 's'], ['y', 0.4, 's'])],
    ['a probability of 0', edges(['x', 1, 's'], ['y', 0, 's'])],
  ] as const)
    it(`refuses ${what}`, () => {
      expect(() => new UnifilarSource('s', () => bad))
        .to.throw()
        .with.property('code', 'RNNX_SHAPE_MISMATCH');
    });
});

const step = (source: UnifilarSource, from: Float64Array): Float64Array => {
  const to = new Float64Array(from.length);
  source.edges.forEach((ways, state) => {
    for (const { next, probability } of ways) to[next]! += from[state]! * probability;
  });
  return to;
};

/** Entropy of the first n symbols, in nats, summed over all sequences; the state is not known at the beginning. */
function blockEntropy(source: UnifilarSource, n: number): number {
  const follow = (weights: Map<number, number>, left: number): number => {
    if (left === 0) {
      const p = [...weights.values()].reduce((a, b) => a + b, 0);
      return -p * Math.log(p);
    }
    const bySymbol = new Map<number, Map<number, number>>();
    for (const [state, weight] of weights)
      for (const { token, next, probability } of source.edges[state]!) {
        if (!bySymbol.has(token)) bySymbol.set(token, new Map());
        const reached = bySymbol.get(token)!;
        reached.set(next, (reached.get(next) ?? 0) + weight * probability);
      }
    return [...bySymbol.values()].reduce((sum, reached) => sum + follow(reached, left - 1), 0);
  };
  return follow(new Map([...source.stationary].map((p, state) => [state, p])), n);
}

describe('English grammar', () => {
  for (const options of [
    { depth: 0, clauseRate: 0.25 },
    { depth: 1, clauseRate: 0.5 },
    { depth: 2, clauseRate: 0.25 },
    { depth: 3, clauseRate: 0.1 },
  ])
    it(`has a stationary distribution that a step keeps: ${JSON.stringify(options)}`, () => {
      const source = englishSource(options);
      expect(source.stationary.reduce((a, b) => a + b, 0)).to.be.closeTo(1, 1e-12);
      const after = step(source, source.stationary);
      const change = after.reduce((worst, p, state) => Math.max(worst, Math.abs(p - source.stationary[state]!)), 0);
      expect(change).to.be.below(1e-14);
    });

  it('has the entropy rate that a million sampled tokens show', () => {
    // Sentences are independent. With L the -log p and n the length of one, E(L - H n) = 0 exactly for the true rate H.
    const source = englishSource({ depth: 2, clauseRate: 0.25 });
    const stream = source.sample(createRng(11), 1_000_000);
    const surprisals = source.surprisals(stream);
    const eos = source.symbols.indexOf('<eos>');
    let [sum, squares, sentences, excess, length] = [0, 0, 0, 0, 0];
    stream.forEach((token, i) => {
      excess += surprisals[i]! - source.entropyRate;
      length++;
      if (token !== eos) return;
      sum += excess;
      squares += excess ** 2;
      sentences++;
      excess = 0;
    });
    const test = zTest(sum / sentences, 0, Math.sqrt(squares) / sentences);
    expect(test.passes, `${test.statistic} standard errors`).to.equal(true);
    // The standard error per token is below 1/1000 of the rate, so a rate wrong by half a percent would fail.
    expect(Math.sqrt(squares) / length).to.be.below(1e-3 * source.entropyRate);
    expect(length / sentences).to.be.closeTo(source.meanCycle, 0.06);
  });

  it('agrees with the entropy of blocks, which is computed without knowing the state', () => {
    // H(X_n | X_1 .. X_n-1) falls to the rate; without clauses four words tell where in a sentence they stand.
    const source = englishSource({ depth: 0, clauseRate: 0.25 });
    const [one, two, four, five] = [1, 2, 4, 5].map((n) => blockEntropy(source, n)) as [number, number, number, number];
    expect(two - one).to.be.above(source.entropyRate + 0.1);
    expect(five - four).to.be.closeTo(source.entropyRate, 1e-10);
  });
});
