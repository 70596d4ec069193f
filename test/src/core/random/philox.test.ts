import { philox, philoxFill } from '@rnnx/core';
import { expect } from 'chai';

const hex = (words: ArrayLike<number>) => Array.from(words, (word) => word.toString(16).padStart(8, '0')).join(' ');
const words = (text: string) => text.split(' ').map((word) => Number.parseInt(word, 16));

/** Counter, key and result of philox4x32-10, from the file kat_vectors of Random123 (Salmon et al. 2011). */
const knownAnswers = [
  ['00000000 00000000 00000000 00000000', '00000000 00000000', '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
  ['ffffffff ffffffff ffffffff ffffffff', 'ffffffff ffffffff', '408f276d 41c83b0e a20bc7c6 6d5451fd'],
  ['243f6a88 85a308d3 13198a2e 03707344', 'a4093822 299f31d0', 'd16cfe09 94fdcceb 5001e420 24126ea1'],
] as const;

/** The definition in whole numbers of any size, as in section 4.3 of the paper. */
function philoxByDefinition(counter: readonly number[], key: readonly number[]): number[] {
  const mask = 0xffffffffn;
  let [c0, c1, c2, c3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  for (let round = 0; round < 10; round++) {
    const [p0, p1] = [0xd2511f53n * c0, 0xcd9e8d57n * c2];
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & mask, (p0 >> 32n) ^ c3 ^ k1, p0 & mask];
    [k0, k1] = [(k0 + 0x9e3779b9n) & mask, (k1 + 0xbb67ae85n) & mask];
  }
  return [c0, c1, c2, c3].map(Number);
}

function block(counter: readonly number[], key: readonly number[]): Uint32Array {
  const out = new Uint32Array(4);
  const [c0, c1, c2, c3] = counter as [number, number, number, number];
  philox(c0, c1, c2, c3, key[0]!, key[1]!, out);
  return out;
}

describe('Philox 4x32-10', () => {
  for (const [counter, key, answer] of knownAnswers) {
    it(`gives the published words for counter ${counter}`, () => {
      expect(hex(block(words(counter), words(key)))).to.equal(answer);
    });
  }

  it('agrees with its definition where halves of the products carry', () => {
    const edges = [0, 1, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffff0000, 0xffffffff];
    for (const a of edges)
      for (const b of edges) {
        const [counter, key] = [
          [a, b, b ^ 0x5555, a],
          [b, a],
        ];
        const unsigned = counter.map((word) => word >>> 0);
        expect(hex(block(unsigned, key))).to.equal(hex(philoxByDefinition(unsigned, key)));
      }
    let state = new Uint32Array([1, 2, 3, 4]);
    for (let i = 0; i < 500; i++) {
      const next = block([...state], [state[1]!, state[2]!]);
      expect(hex(next)).to.equal(hex(philoxByDefinition([...state], [state[1]!, state[2]!])));
      state = new Uint32Array(next);
    }
  });

  it('writes at the offset and nowhere else', () => {
    const out = new Uint32Array(6);
    philox(0, 0, 0, 0, 0, 0, out, 1);
    expect(hex(out)).to.equal('00000000 6627e8d5 e169c58d bc57ac4c 9b00dbd8 00000000');
  });

  it('fills an array of any length from counters that rise by one', () => {
    const expected = [...block([0, 0, 0, 0], [7, 9]), ...block([1, 0, 0, 0], [7, 9]), ...block([2, 0, 0, 0], [7, 9])];
    for (const length of [0, 1, 3, 4, 5, 8, 11]) {
      const out = new Uint32Array(length);
      philoxFill(out, 7, 9);
      expect(hex(out)).to.equal(hex(expected.slice(0, length)));
    }
  });
});
