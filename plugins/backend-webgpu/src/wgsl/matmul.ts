import type { Program } from '../pipelines.js';

/** Rows and columns of the result that a workgroup makes. */
export const productTile = 128;

/**
 * f16: operands are rounded to half precision, multiplied and added up in single precision. f16-sums: eight products are added
 * up in half precision, and such sums in single.
 */
export type ProductPrecision = 'f32' | 'f16' | 'f16-sums';
/** Of the operands. */
type Operand = 'f32' | 'f16';

/**
 * C = A B, with A `[rows, inner]` or, transposed, `[inner, rows]`, and B `[inner, columns]` or `[columns, inner]`.
 *
 * 256 threads make 128 x 128 elements, each 8 x 8 in registers: two times two blocks of 4 x 4, half a tile apart, so that
 * neighbouring threads read neighbouring words. Eight values of the inner dimension lie in the workgroup's memory while the
 * next eight are fetched.
 *
 * With operands of half precision, both are first brought to below 2^6 by a power of two of each matrix (see `largestProgram`):
 * eight products then stay below 2^15.
 */
export function productProgram(transposeA: boolean, transposeB: boolean, precision: ProductPrecision): Program {
  const operand: Operand = precision === 'f32' ? 'f32' : 'f16';
  const half = operand === 'f16';
  const partial = precision === 'f16-sums';
  const parts = partial ? 'parts' : 'sums';
  /** As it is multiplied: products of two halves are exact in single precision. */
  const factor = (value: string) => (half && !partial ? `f32(${value})` : value);
  const right = (from: number) =>
    `vec4<${partial ? 'f16' : 'f32'}>(${[0, 1, 2, 3].map((j) => factor(`tile_b[q + ${from + j}u]`)).join(', ')})`;
  return {
    enable: half ? ['f16'] : [],
    bindings: [
      { name: 'a', access: 'read' },
      { name: 'b', access: 'read' },
      ...(half ? [{ name: 'largest', access: 'read', type: 'u32' } as const] : []),
      { name: 'c', access: 'read_write' },
    ],
    constants: ['rows', 'columns', 'inner'].map((name) => [name, 'u32']),
    body: `
var<workgroup> tile_a: array<${operand}, ${8 * tileStride}>;
var<workgroup> tile_b: array<${operand}, ${8 * tileStride}>;
${half ? exponentText : ''}
${fetchText('a', 'rows', !transposeA, operand)}
${fetchText('b', 'columns', transposeB, operand)}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row0 = group.y * 128u;
  let column0 = group.x * 128u;
  let y = 4u * (thread / 16u);
  let x = 4u * (thread % 16u);
${half ? '  let scale_a = power(-exponent_of(0u));\n  let scale_b = power(-exponent_of(1u));' : ''}
  var sums = array<vec4f, 16>();
  var next_a = fetch_a(thread, row0, 0u);
  var next_b = fetch_b(thread, column0, 0u);
  for (var k0 = 0u; k0 < at.inner; k0 += 8u) {
    keep_a(thread, ${half ? 'vec4<f16>(scale_a * next_a)' : 'next_a'});
    keep_b(thread, ${half ? 'vec4<f16>(scale_b * next_b)' : 'next_b'});
    workgroupBarrier();
    next_a = fetch_a(thread, row0, k0 + 8u);
    next_b = fetch_b(thread, column0, k0 + 8u);
${partial ? '    var parts = array<vec4<f16>, 16>();' : ''}
    for (var k = 0u; k < 8u; k++) {
      let p = k * ${tileStride}u + y;
      let q = k * ${tileStride}u + x;
      let b0 = ${right(0)};
      let b1 = ${right(64)};
${[0, 1, 2, 3, 64, 65, 66, 67]
  .map(
    (offset, i) =>
      `      { let v = ${factor(`tile_a[p + ${offset}u]`)}; ${parts}[${2 * i}] += v * b0; ${parts}[${2 * i + 1}] += v * b1; }`,
  )
  .join('\n')}
    }
${partial ? Array.from({ length: 16 }, (_, i) => `    sums[${i}] += vec4f(parts[${i}]);`).join('\n') : ''}
    workgroupBarrier();
  }
  for (var i = 0u; i < 8u; i++) {
    let row = row0 + y + (i % 4u) + 64u * (i / 4u);
    if (row >= at.rows) { continue; }
    for (var half = 0u; half < 2u; half++) {
      let sum = ${half ? 'power(exponent_of(1u)) * (power(exponent_of(0u)) * sums[2u * i + half])' : 'sums[2u * i + half]'};
      for (var j = 0u; j < 4u; j++) {
        let column = column0 + x + 64u * half + j;
        if (column < at.columns) { c[row * at.columns + column] = sum[j]; }
      }
    }
  }
}`,
  };
}

/**
 * `exponent_of(side)`: e with |x| 2^-e < 2^6 for all elements of an operand, by its largest; `power(e)`: 2^e. A matrix without
 * a number in it counts as one of large numbers: what it has goes on into the product.
 */
const exponentText = `
fn exponent_of(side: u32) -> i32 { return max(i32(largest[side] >> 23u) - 132, -126); }
fn power(exponent: i32) -> f32 { return bitcast<f32>(u32(exponent + 127) << 23u); }`;

export const largestThreads = 256;
/** Workgroups for each operand. */
export const largestGroups = 64;

/** The largest magnitude of `a`, then of `b`, as the bits of its float, which are ordered as the floats are. Starts from zeros. */
export const largestProgram: Program = {
  bindings: [
    { name: 'a', access: 'read' },
    { name: 'b', access: 'read' },
    { name: 'largest', access: 'read_write', type: 'atomic<u32>' },
  ],
  constants: [
    ['size_a', 'u32'],
    ['size_b', 'u32'],
  ],
  body: `
var<workgroup> most: atomic<u32>;

@compute @workgroup_size(${largestThreads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = group.x * ${largestThreads}u + thread;
  let stride = ${largestThreads * largestGroups}u;
  var own = 0u;
  if (group.y == 0u) {
    for (var i = start; i < at.size_a; i += stride) { own = max(own, bitcast<u32>(a[i]) & 0x7fffffffu); }
  } else {
    for (var i = start; i < at.size_b; i += stride) { own = max(own, bitcast<u32>(b[i]) & 0x7fffffffu); }
  }
  atomicMax(&most, own);
  workgroupBarrier();
  if (thread == 0u) { atomicMax(&largest[group.y], atomicLoad(&most)); }
}`,
};

/** A row of the tile: 128 elements, and four that keep the threads that store apart. */
export const tileStride = 132;

/**
 * `fetch_X(thread, start, k0)`: four elements of a tile, zero beyond the matrix; `keep_X` puts them where (k, element) lies.
 *
 * @param innerLast whether the inner dimension is the one whose neighbours lie side by side
 */
export function fetchText(name: string, outer: string, innerLast: boolean, operand: Operand): string {
  const four = fourText(name, outer, innerLast);
  if (innerLast)
    return `${four}
fn fetch_${name}(thread: u32, start: u32, k0: u32) -> vec4f {
  return four_${name}(start + thread / 2u, k0 + 4u * (thread % 2u));
}

fn keep_${name}(thread: u32, part: vec4<${operand}>) {
  let p = 4u * (thread % 2u) * ${tileStride}u + thread / 2u;
  for (var i = 0u; i < 4u; i++) { tile_${name}[p + i * ${tileStride}u] = part[i]; }
}`;
  return `${four}
fn fetch_${name}(thread: u32, start: u32, k0: u32) -> vec4f {
  return four_${name}(start + 4u * (thread % 32u), k0 + thread / 32u);
}

fn keep_${name}(thread: u32, part: vec4<${operand}>) {
  let p = thread / 32u * ${tileStride}u + 4u * (thread % 32u);
  for (var i = 0u; i < 4u; i++) { tile_${name}[p + i] = part[i]; }
}`;
}

/** `four_X(outer, k)`: this element and its next three neighbours in memory, zero beyond the matrix. */
export function fourText(name: string, outer: string, innerLast: boolean): string {
  if (innerLast)
    return `
fn four_${name}(outer: u32, k: u32) -> vec4f {
  if (outer >= at.${outer}) { return vec4f(); }
  let p = outer * at.inner + k;
  if (k + 3u < at.inner) { return vec4f(${name}[p], ${name}[p + 1u], ${name}[p + 2u], ${name}[p + 3u]); }
  var part = vec4f();
  for (var i = 0u; i < 4u; i++) { if (k + i < at.inner) { part[i] = ${name}[p + i]; } }
  return part;
}
`;
  return `
fn four_${name}(outer: u32, k: u32) -> vec4f {
  if (k >= at.inner) { return vec4f(); }
  let p = k * at.${outer} + outer;
  if (outer + 3u < at.${outer}) { return vec4f(${name}[p], ${name}[p + 1u], ${name}[p + 2u], ${name}[p + 3u]); }
  var part = vec4f();
  for (var i = 0u; i < 4u; i++) { if (outer + i < at.${outer}) { part[i] = ${name}[p + i]; } }
  return part;
}
`;
}
