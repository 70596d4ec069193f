import type { Program } from '../pipelines.js';

/** Rows and columns of the result that a workgroup makes. */
export const productTile = 128;

/**
 * C = A B, with A `[rows, inner]` or, transposed, `[inner, rows]`, and B `[inner, columns]` or `[columns, inner]`.
 *
 * 256 threads make 128 x 128 elements, each 8 x 8 in registers: two times two blocks of 4 x 4, half a tile apart, so that
 * neighbouring threads read neighbouring words. Eight values of the inner dimension lie in the workgroup's memory while the
 * next eight are fetched.
 */
export function productProgram(transposeA: boolean, transposeB: boolean): Program {
  return {
    bindings: [
      { name: 'a', access: 'read' },
      { name: 'b', access: 'read' },
      { name: 'c', access: 'read_write' },
    ],
    constants: ['rows', 'columns', 'inner'].map((name) => [name, 'u32']),
    body: `
var<workgroup> tile_a: array<f32, ${8 * stride}>;
var<workgroup> tile_b: array<f32, ${8 * stride}>;
${fetchText('a', 'rows', !transposeA)}
${fetchText('b', 'columns', transposeB)}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row0 = group.y * 128u;
  let column0 = group.x * 128u;
  let y = 4u * (thread / 16u);
  let x = 4u * (thread % 16u);
  var sums = array<vec4f, 16>();
  var next_a = fetch_a(thread, row0, 0u);
  var next_b = fetch_b(thread, column0, 0u);
  for (var k0 = 0u; k0 < at.inner; k0 += 8u) {
    keep_a(thread, next_a);
    keep_b(thread, next_b);
    workgroupBarrier();
    next_a = fetch_a(thread, row0, k0 + 8u);
    next_b = fetch_b(thread, column0, k0 + 8u);
    for (var k = 0u; k < 8u; k++) {
      let p = k * ${stride}u + y;
      let q = k * ${stride}u + x;
      let b0 = vec4f(tile_b[q], tile_b[q + 1u], tile_b[q + 2u], tile_b[q + 3u]);
      let b1 = vec4f(tile_b[q + 64u], tile_b[q + 65u], tile_b[q + 66u], tile_b[q + 67u]);
${[0, 1, 2, 3, 64, 65, 66, 67]
  .map(
    (offset, i) => `      { let v = tile_a[p + ${offset}u]; sums[${2 * i}] += v * b0; sums[${2 * i + 1}] += v * b1; }`,
  )
  .join('\n')}
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < 8u; i++) {
    let row = row0 + y + (i % 4u) + 64u * (i / 4u);
    if (row >= at.rows) { continue; }
    for (var half = 0u; half < 2u; half++) {
      let sum = sums[2u * i + half];
      for (var j = 0u; j < 4u; j++) {
        let column = column0 + x + 64u * half + j;
        if (column < at.columns) { c[row * at.columns + column] = sum[j]; }
      }
    }
  }
}`,
  };
}

/** A row of the tile: 128 elements, and four that keep the threads that store apart. */
const stride = 132;

/**
 * `fetch_X(thread, start, k0)`: four elements of a tile, zero beyond the matrix; `keep_X` puts them where (k, element) lies.
 *
 * @param innerLast whether the inner dimension is the one whose neighbours lie side by side
 */
function fetchText(name: string, outer: string, innerLast: boolean): string {
  if (innerLast)
    return `
fn fetch_${name}(thread: u32, start: u32, k0: u32) -> vec4f {
  let outer = start + thread / 2u;
  let k = k0 + 4u * (thread % 2u);
  if (outer >= at.${outer}) { return vec4f(); }
  let p = outer * at.inner + k;
  if (k + 3u < at.inner) { return vec4f(${name}[p], ${name}[p + 1u], ${name}[p + 2u], ${name}[p + 3u]); }
  var part = vec4f();
  for (var i = 0u; i < 4u; i++) { if (k + i < at.inner) { part[i] = ${name}[p + i]; } }
  return part;
}

fn keep_${name}(thread: u32, part: vec4f) {
  let p = 4u * (thread % 2u) * ${stride}u + thread / 2u;
  for (var i = 0u; i < 4u; i++) { tile_${name}[p + i * ${stride}u] = part[i]; }
}`;
  return `
fn fetch_${name}(thread: u32, start: u32, k0: u32) -> vec4f {
  let k = k0 + thread / 32u;
  let outer = start + 4u * (thread % 32u);
  if (k >= at.inner) { return vec4f(); }
  let p = k * at.${outer} + outer;
  if (outer + 3u < at.${outer}) { return vec4f(${name}[p], ${name}[p + 1u], ${name}[p + 2u], ${name}[p + 3u]); }
  var part = vec4f();
  for (var i = 0u; i < 4u; i++) { if (outer + i < at.${outer}) { part[i] = ${name}[p + i]; } }
  return part;
}

fn keep_${name}(thread: u32, part: vec4f) {
  let p = thread / 32u * ${stride}u + 4u * (thread % 32u);
  for (var i = 0u; i < 4u; i++) { tile_${name}[p + i] = part[i]; }
}`;
}
