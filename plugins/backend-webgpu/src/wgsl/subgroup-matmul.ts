import type { Program } from '../pipelines.js';
import { fetchText, fourText, tileStride } from './matmul.js';

/** Sizes of a device's subgroups: powers of two from 4 to 128. */
export interface SubgroupSizes {
  readonly least: number;
  readonly most: number;
}

/** Rows of the result that a thread makes, in four columns. */
const rows = 16;
/** Values of the inner dimension that lie in registers. */
const depth = 8;
const mostTeam = 32;

/**
 * The product of `productProgram` with `f32`, in the same tiles and with each sum added up in the same order; its left operand
 * goes round by subgroups instead of workgroup memory.
 *
 * A team, of as many threads as the smallest subgroup has and at most 32, makes 16 rows of 4 elements a thread. Its threads hold
 * 8 values of each row between them and tell them to all. The right operand is read from where it lies if its columns are
 * neighbours there, so that no thread waits for another team; else it lies in the workgroup's memory, as in tiles.
 */
export function subgroupProductProgram(transposeA: boolean, transposeB: boolean, sizes: SubgroupSizes): Program {
  const team = Math.min(sizes.least, mostTeam);
  const bands = 128 / (4 * team);
  const held = Array.from({ length: (rows * depth) / 4 / team }, (_, i) => i);
  const whole = sizes.most === team; // then a team is a subgroup
  const told = (value: string, by: number) =>
    whole ? `subgroupBroadcast(${value}, ${by}u)` : `subgroupShuffle(${value}, first + ${by}u)`;

  /** Who holds the left operand's element: fours of it are counted along its neighbours in memory. */
  const left = (row: number, k: number) => {
    const [four, part] = transposeA
      ? [(k * rows) / 4 + Math.floor(row / 4), row % 4]
      : [Math.floor(k / 4) * rows + row, k % 4];
    return told(`held${Math.floor(four / team)}.${'xyzw'[part]}`, four % team);
  };
  const fetched = (i: number, k0: string) => {
    const four = `(lane + ${i * team}u)`;
    return transposeA
      ? `four_a(row0 + 4u * (${four} % ${rows / 4}u), ${k0} + ${four} / ${rows / 4}u)`
      : `four_a(row0 + ${four} % ${rows}u, ${k0} + 4u * (${four} / ${rows}u))`;
  };
  const right = (k: number) => {
    const elements = [0, 1, 2, 3].map((j) =>
      transposeB ? `tile_b[own + ${k * tileStride + j * team}u]` : `b[p + ${j * team}u]`,
    );
    return `vec4f(${elements.join(', ')})`;
  };
  const step = (k: number) => {
    const lines = Array.from({ length: rows }, (_, row) => `      sums[${row}] += ${left(row, k)} * right;`).join('\n');
    // Beyond the inner dimension, what is read may be infinite: zero times it is not zero.
    return transposeB
      ? `    {\n      let right = ${right(k)};\n${lines}\n    }`
      : `    if (k0 + ${k}u < at.inner) {\n      let p = (k0 + ${k}u) * at.columns + column0;\n      let right = ${right(k)};\n${lines}\n    }`;
  };

  return {
    enable: ['subgroups'],
    bindings: [
      { name: 'a', access: 'read' },
      { name: 'b', access: 'read' },
      { name: 'c', access: 'read_write' },
    ],
    constants: ['rows', 'columns', 'inner'].map((name) => [name, 'u32']),
    body: `
${fourText('a', 'rows', !transposeA)}
${transposeB ? `var<workgroup> tile_b: array<f32, ${depth * tileStride}>;\n${fetchText('b', 'columns', true, 'f32')}` : ''}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) thread: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_size) size: u32,
  @builtin(subgroup_invocation_id) invocation: u32,
) {
  let lane = invocation % ${team}u;
  let first = invocation - lane;
  let team = subgroup * (size / ${team}u) + invocation / ${team}u;
  let row0 = group.y * 128u + ${rows}u * (team / ${bands}u);
  let own = ${4 * team}u * (team % ${bands}u) + lane;
  let column0 = group.x * 128u + own;
  var sums = array<vec4f, ${rows}>();
${held.map((i) => `  var next${i} = ${fetched(i, '0u')};`).join('\n')}
${transposeB ? '  var next_b = fetch_b(thread, group.x * 128u, 0u);' : ''}
  for (var k0 = 0u; k0 < at.inner; k0 += ${depth}u) {
${held.map((i) => `    let held${i} = next${i};`).join('\n')}
${transposeB ? '    keep_b(thread, next_b);\n    workgroupBarrier();\n    next_b = fetch_b(thread, group.x * 128u, k0 + 8u);' : ''}
${held.map((i) => `    next${i} = ${fetched(i, `(k0 + ${depth}u)`)};`).join('\n')}
${Array.from({ length: depth }, (_, k) => step(k)).join('\n')}
${transposeB ? '    workgroupBarrier();' : ''}
  }
  for (var i = 0u; i < ${rows}u; i++) {
    let row = row0 + i;
    if (row >= at.rows) { break; }
    for (var j = 0u; j < 4u; j++) {
      let column = column0 + ${team}u * j;
      if (column < at.columns) { c[row * at.columns + column] = sums[i][j]; }
    }
  }
}`,
  };
}
