import { BufferPool } from '@rnnx/backend-native';
import { expect } from 'chai';

const filler = {
  fillFloat: (count: number, value: number, out: Float32Array) => void out.fill(value, 0, count),
};

describe('buffer pool', () => {
  it('hands out memory again only when its last use is gone', () => {
    const pool = new BufferPool(filler);
    const first = pool.take(8000)!;
    const view = new Float32Array(first.buffer, 400, 10);
    expect(pool.share(view)).to.equal(first);
    pool.release(first);
    expect(pool.take(8000), 'while a view is left').to.not.equal(first);
    pool.release(first);
    expect(pool.take(8000), 'when none is left').to.equal(first);
    expect(pool.take(8000)).to.not.equal(first);
  });

  it('takes memory back into use for a view that was made after it was freed', () => {
    const pool = new BufferPool(filler);
    const slot = pool.take(8000)!;
    const view = new Float32Array(slot.buffer);
    pool.release(slot);
    expect(pool.share(view)).to.equal(slot);
    expect(pool.statistics()).to.include({ idle: 0, used: slot.buffer.byteLength });
    expect(pool.take(8000)).to.not.equal(slot);
  });

  it('knows its own memory from others’', () => {
    const pool = new BufferPool(filler);
    expect(pool.share(new Float32Array(5000))).to.equal(undefined);
    expect(pool.take(100), 'small arrays are not worth it').to.equal(undefined);
  });

  it('keeps zeros for those who ask for them, and clears other memory', () => {
    const pool = new BufferPool(filler);
    const [plain, zeros] = [pool.take(8000)!, pool.take(8000, true)!];
    new Uint8Array(plain.buffer).fill(7);
    pool.release(plain);
    pool.release(zeros, true);
    expect(pool.take(8000), 'anything').to.equal(plain);
    expect(pool.take(8000, true), 'zeros').to.equal(zeros);
    pool.release(plain);
    expect(pool.take(8000, true), 'no zeros are left').to.equal(plain);
    expect(new Uint8Array(plain.buffer).every((byte) => byte === 0)).to.equal(true);
    pool.release(plain, true);
    expect(pool.share(new Float32Array(plain.buffer)), 'taken back into use').to.equal(plain);
    new Uint8Array(plain.buffer).fill(7);
    pool.release(plain);
    expect(new Uint8Array(pool.take(8000, true)!.buffer).every((byte) => byte === 0)).to.equal(true);
  });

  it('gives at least what was asked for, whole floats, and wastes at most an eighth', () => {
    const pool = new BufferPool(filler);
    for (const bytes of [4096, 4097, 5000, 65_535, 65_536, 1_000_001, 40_000_004]) {
      const { byteLength } = pool.take(bytes)!.buffer;
      expect(byteLength, `${bytes}`)
        .to.be.at.least(bytes)
        .and.at.most(bytes * 1.125 + 512);
      expect(byteLength % 4).to.equal(0);
    }
  });

  it('keeps no more waiting than a quarter more than was once in use, and 16 MiB', () => {
    const pool = new BufferPool(filler);
    const megabyte = 2 ** 20;
    for (let size = 1; size <= 40; size++) pool.release(pool.take(size * megabyte)!);
    const { idle, used, peak } = pool.statistics();
    expect(used).to.equal(0);
    expect(peak).to.equal(40 * megabyte);
    expect(idle)
      .to.be.above(0)
      .and.at.most(1.25 * peak + 16 * megabyte);
    pool.clear();
    expect(pool.statistics().idle).to.equal(0);
  });

  it('does not grow over many rounds of changing sizes', () => {
    const pool = new BufferPool(filler);
    const round = (shift: number) => {
      const slots = Array.from({ length: 20 }, (_, i) => pool.take(10_000 * (1 + ((i + shift) % 7)))!);
      for (const slot of slots) pool.release(slot);
    };
    for (let i = 0; i < 7; i++) round(i);
    const { allocated } = pool.statistics();
    for (let i = 0; i < 500; i++) round(i);
    expect(pool.statistics().allocated).to.equal(allocated);
  });
});
