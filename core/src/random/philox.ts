/**
 * Philox 4x32-10, a counter-based random function.
 *
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011, section 4.3. Checked against
 * the authors' published known-answer vectors.
 *
 * All arithmetic is on 32-bit integers (`| 0` throughout): several times faster in JavaScript than on doubles.
 */

const multiplier0 = 0xd2511f53 | 0;
const multiplier1 = 0xcd9e8d57 | 0;
const weyl0 = 0x9e3779b9 | 0;
const weyl1 = 0xbb67ae85 | 0;
const rounds = 10;

/** High 32 bits of the unsigned product, by 16-bit halves; every partial sum stays below 2^32. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const left = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const right = (Math.imul(aLow, bHigh) + (left & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (left >>> 16) + (right >>> 16)) | 0;
}

/**
 * One block: four random words of 32 bits from a counter of four words and a key of two.
 *
 * @param out receives the words at `offset .. offset + 3`
 */
export function philox(
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
  out: Uint32Array,
  offset = 0,
): void {
  c0 |= 0;
  c1 |= 0;
  c2 |= 0;
  c3 |= 0;
  k0 |= 0;
  k1 |= 0;
  for (let round = 0; round < rounds; round++) {
    const high0 = multiplyHigh(multiplier0, c0);
    const low0 = Math.imul(multiplier0, c0);
    const high1 = multiplyHigh(multiplier1, c2);
    const low1 = Math.imul(multiplier1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + weyl0) | 0;
    k1 = (k1 + weyl1) | 0;
  }
  out[offset] = c0;
  out[offset + 1] = c1;
  out[offset + 2] = c2;
  out[offset + 3] = c3;
}

/** Random words from the counters (0, 0, 0, 0), (1, 0, 0, 0), ... under one key. */
export function philoxFill(out: Uint32Array, k0: number, k1: number): void {
  const whole = out.length & ~3;
  let block = 0;
  for (let i = 0; i < whole; i += 4) philox(block++, 0, 0, 0, k0, k1, out, i);
  if (whole === out.length) return;
  const last = new Uint32Array(4);
  philox(block, 0, 0, 0, k0, k1, last);
  out.set(last.subarray(0, out.length - whole), whole);
}
