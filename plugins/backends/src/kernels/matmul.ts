import * as tf from '@tensorflow/tfjs';

/** A product of (stacks of) matrices: [..., m, k] x [..., k, n], each side perhaps stored transposed. */
export interface Product {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly shape: number[];
  /** For each matrix of the result, which matrix of a and of b it takes. */
  readonly aOf: Int32Array;
  readonly bOf: Int32Array;
}

/** `undefined` for vectors and where the inner sizes differ, which the stock kernel reports. */
export function planProduct(
  a: readonly number[],
  b: readonly number[],
  transposeA: boolean,
  transposeB: boolean,
): Product | undefined {
  if (a.length < 2 || b.length < 2) return undefined;
  const [aRows, aColumns] = a.slice(-2) as [number, number];
  const [bRows, bColumns] = b.slice(-2) as [number, number];
  const [m, k] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const [inner, n] = transposeB ? [bColumns, bRows] : [bRows, bColumns];
  if (inner !== k) return undefined;
  const aOuter = a.slice(0, -2);
  const bOuter = b.slice(0, -2);
  const outer = tf.backend_util.assertAndGetBroadcastShape(aOuter, bOuter);
  return { m, k, n, shape: [...outer, m, n], aOf: broadcastIndex(aOuter, outer), bOf: broadcastIndex(bOuter, outer) };
}

/** For each row-major position of `outer`, the position in the smaller `shape` broadcast to it. */
function broadcastIndex(shape: readonly number[], outer: readonly number[]): Int32Array {
  const positions = new Int32Array(tf.util.sizeFromShape([...outer]));
  const lead = outer.length - shape.length;
  for (let i = 0; i < positions.length; i++) {
    let rest = i;
    let stride = 1;
    for (let axis = outer.length - 1; axis >= lead; axis--) {
      const place = rest % outer[axis]!;
      rest = (rest - place) / outer[axis]!;
      if (shape[axis - lead] !== 1) positions[i]! += place * stride;
      stride *= shape[axis - lead]!;
    }
  }
  return positions;
}

/** Where the elements of one matrix lie. */
export interface MatrixView {
  readonly values: Float32Array;
  readonly start: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/** Rows and columns of the block that the innermost loop keeps in registers. */
const block = 4;
let panelsA = new Float64Array(0);
let panelsB = new Float64Array(0);
const tileSums = new Float64Array(block * block);

/**
 * out[start...] = a b, for a of m x k and b of k x n, in plain JavaScript. Both sides are packed into panels of four
 * rows (columns) of doubles, so that sixteen sums stay in registers and no element is converted twice; sums are
 * rounded to float32 once, at the end.
 */
export function multiply(
  a: MatrixView,
  b: MatrixView,
  out: Float32Array,
  start: number,
  m: number,
  k: number,
  n: number,
): void {
  if (m < block) {
    multiplyFewRows(a, b, out, start, m, k, n);
    return;
  }
  const aSize = Math.ceil(m / block) * block * k;
  const bSize = Math.ceil(n / block) * block * k;
  if (panelsA.length < aSize) panelsA = new Float64Array(aSize);
  if (panelsB.length < bSize) panelsB = new Float64Array(bSize);
  packPanels(a.values, a.start, a.rowStride, a.columnStride, m, k, panelsA);
  packPanels(b.values, b.start, b.columnStride, b.rowStride, n, k, panelsB);
  for (let j = 0; j < n; j += block) {
    const columns = Math.min(block, n - j);
    for (let i = 0; i < m; i += block) {
      multiplyPanels(panelsA, i * k, panelsB, j * k, k, tileSums);
      const rows = Math.min(block, m - i);
      for (let row = 0; row < rows; row++) {
        const write = start + (i + row) * n + j;
        for (let column = 0; column < columns; column++) out[write + column] = tileSums[row * block + column]!;
      }
    }
  }
}

/** Lines past the last stay what they were: their sums are never read. */
function packPanels(
  values: Float32Array,
  start: number,
  lineStride: number,
  stride: number,
  lines: number,
  k: number,
  panels: Float64Array,
): void {
  for (let line = 0; line < lines; line++) {
    const inPanel = line % block;
    let read = start + line * lineStride;
    let write = (line - inPanel) * k + inPanel;
    for (let i = 0; i < k; i++) {
      panels[write] = values[read]!;
      read += stride;
      write += block;
    }
  }
}

function multiplyPanels(
  a: Float64Array,
  aStart: number,
  b: Float64Array,
  bStart: number,
  k: number,
  sums: Float64Array,
) {
  let s00 = 0;
  let s01 = 0;
  let s02 = 0;
  let s03 = 0;
  let s10 = 0;
  let s11 = 0;
  let s12 = 0;
  let s13 = 0;
  let s20 = 0;
  let s21 = 0;
  let s22 = 0;
  let s23 = 0;
  let s30 = 0;
  let s31 = 0;
  let s32 = 0;
  let s33 = 0;
  const end = aStart + block * k;
  for (let i = aStart, j = bStart; i < end; i += block, j += block) {
    const b0 = b[j]!;
    const b1 = b[j + 1]!;
    const b2 = b[j + 2]!;
    const b3 = b[j + 3]!;
    let x = a[i]!;
    s00 += x * b0;
    s01 += x * b1;
    s02 += x * b2;
    s03 += x * b3;
    x = a[i + 1]!;
    s10 += x * b0;
    s11 += x * b1;
    s12 += x * b2;
    s13 += x * b3;
    x = a[i + 2]!;
    s20 += x * b0;
    s21 += x * b1;
    s22 += x * b2;
    s23 += x * b3;
    x = a[i + 3]!;
    s30 += x * b0;
    s31 += x * b1;
    s32 += x * b2;
    s33 += x * b3;
  }
  sums[0] = s00;
  sums[1] = s01;
  sums[2] = s02;
  sums[3] = s03;
  sums[4] = s10;
  sums[5] = s11;
  sums[6] = s12;
  sums[7] = s13;
  sums[8] = s20;
  sums[9] = s21;
  sums[10] = s22;
  sums[11] = s23;
  sums[12] = s30;
  sums[13] = s31;
  sums[14] = s32;
  sums[15] = s33;
}

/** Packing b would cost more than a product with so few rows; goes along b's rows, or down them where b is transposed. */
function multiplyFewRows(
  a: MatrixView,
  b: MatrixView,
  out: Float32Array,
  start: number,
  m: number,
  k: number,
  n: number,
): void {
  const sums = new Float64Array(n);
  for (let i = 0; i < m; i++) {
    sums.fill(0);
    const row = a.start + i * a.rowStride;
    if (b.columnStride === 1) {
      for (let p = 0; p < k; p++) {
        const x = a.values[row + p * a.columnStride]!;
        const read = b.start + p * b.rowStride;
        for (let j = 0; j < n; j++) sums[j]! += x * b.values[read + j]!;
      }
    } else {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        const read = b.start + j * b.columnStride;
        for (let p = 0; p < k; p++) sum += a.values[row + p * a.columnStride]! * b.values[read + p * b.rowStride]!;
        sums[j] = sum;
      }
    }
    out.set(sums, start + i * n);
  }
}
