import type { Binding, Program } from '../pipelines.js';
import { applyText, backText, type ChainItem, valueText } from './chains.js';

/** Rows and columns that a workgroup makes of its result, and as many terms of each sum at a time. */
export const steppedTile = 32;

/** What makes of a matrix that of each step: the chain of perturbations, and how many perturbations `at.values` knows. */
export interface SteppedChain {
  readonly items: readonly ChainItem[];
  readonly count: number;
}

const read = (name: string): Binding => ({ name, access: 'read' });
const site = 'weights.recurrent';

/** Names the chain's text. */
export function steppedKey({ items, count }: SteppedChain): string {
  return `${count} ${items.map(({ kind, index }) => `${kind} ${index}`)}`;
}

function constantsOf(names: readonly string[], { count }: SteppedChain): Program['constants'] {
  return [...names.map((name) => [name, 'u32'] as const), ['values', `array<vec4u, ${count}>`] as const];
}

const head = `
var<workgroup> left: array<vec4f, 256>; // four rows of the result a number
var<workgroup> right: array<f32, 1024>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row0 = group.y * ${steppedTile}u;
  let column0 = group.x * ${steppedTile}u;
  let rows = thread / 32u; // of the four that are this thread's
  let column = thread % 32u;`;

export const productFields = ['batch', 'rows', 'columns'] as const;

/** y_t = x_t · M_t, or x_t · M_tᵀ transposed: [T, B, rows] to [T, B, columns], or back. A workgroup a tile and step. */
export function steppedProductProgram(chain: SteppedChain, transposed: boolean): Program {
  const [depth, width] = transposed ? ['at.columns', 'at.rows'] : ['at.rows', 'at.columns'];
  // Neighbouring threads read neighbouring columns of the matrix.
  const [k, c] = transposed ? ['i % 32u', 'i / 32u'] : ['i / 32u', 'i % 32u'];
  const [row, at] = transposed ? ['c', 'k'] : ['k', 'c'];
  return {
    bindings: [read('x'), read('weight'), read('values'), { name: 'y', access: 'read_write' }],
    constants: constantsOf(productFields, chain),
    body: `${valueText}
${applyText(site, { [site]: chain.items })}

fn x_at(t: u32, b: u32, k: u32) -> f32 {
  if (b < at.batch && k < ${depth}) { return x[(t * at.batch + b) * ${depth} + k]; }
  return 0.0;
}

fn matrix_at(t: u32, k: u32, c: u32) -> f32 {
  if (k >= ${depth} || c >= ${width}) { return 0.0; }
  return apply_weights_recurrent(t, ${row}, ${at}, weight[${row} * at.columns + ${at}], 0.0);
}
${head}
  let t = group.z;
  var sum = vec4f();
  for (var k0 = 0u; k0 < ${depth}; k0 += 32u) {
    let b = row0 + 4u * rows;
    let k = k0 + column;
    left[column * 8u + rows] = vec4f(x_at(t, b, k), x_at(t, b + 1u, k), x_at(t, b + 2u, k), x_at(t, b + 3u, k));
    for (var i = thread; i < 1024u; i += 256u) {
      right[(${k}) * 32u + ${c}] = matrix_at(t, k0 + ${k}, column0 + ${c});
    }
    workgroupBarrier();
    let depth = min(32u, ${depth} - k0);
    for (var i = 0u; i < depth; i++) { sum += left[i * 8u + rows] * right[i * 32u + column]; }
    workgroupBarrier();
  }
  let c = column0 + column;
  if (c >= ${width}) { return; }
  for (var r = 0u; r < 4u; r++) {
    let b = row0 + 4u * rows + r;
    if (b < at.batch) { y[(t * at.batch + b) * ${width} + c] = sum[r]; }
  }
}`,
  };
}

export const gradientFields = [
  'steps',
  'batch',
  'rows',
  'columns',
  /** Of x and dy: the first number, and from one example to the next. */
  'x_start',
  'x_stride',
  'dy_start',
  'dy_stride',
  /** The first of the matrix's columns that dy has, and how many columns the matrix has. */
  'first',
  'width',
  /** From one step's result to the next; 0 where they add up. */
  'out_step',
] as const;

/**
 * From x [T, B, rows] and the gradients dy [T, B, columns] of x_t · M_t: the gradient of the matrix before its chain, [rows, width],
 * or of a value, [1|T, rows, width], not yet summed over what it was broadcast to. Workgroups share out the result and, where
 * steps do not add up, the steps.
 *
 * @param target the value's place in `at.values`; absent for the matrix
 */
export function steppedGradientProgram(chain: SteppedChain, target: number | undefined): Program {
  return {
    bindings: [...['x', 'dy', 'weight', 'values'].map(read), { name: 'gradient', access: 'read_write' }],
    constants: constantsOf(gradientFields, chain),
    body: `${valueText}

var<private> of_value: f32;
fn add_gradient(i: u32, t: u32, b: u32, j: u32, d: f32) { if (i == ${target ?? chain.count}u) { of_value = d; } }
${backText(site, { [site]: chain.items })}

fn x_at(t: u32, b: u32, r: u32) -> f32 {
  if (b < at.batch && r < at.rows) { return x[at.x_start + (t * at.batch + b) * at.x_stride + r]; }
  return 0.0;
}

fn dy_at(t: u32, b: u32, c: u32) -> f32 {
  if (b < at.batch && c < at.columns) { return dy[at.dy_start + (t * at.batch + b) * at.dy_stride + c]; }
  return 0.0;
}

fn gradient_at(t: u32, r: u32, c: u32, d: f32) -> f32 {
  if (r >= at.rows || c >= at.columns) { return 0.0; }
  let of_matrix = back_weights_recurrent(t, r, at.first + c, weight[r * at.width + at.first + c], 0.0, d).x;
  return ${target === undefined ? 'of_matrix' : 'of_value'};
}
${head}
  var first_step = 0u;
  var end_step = at.steps;
  if (at.out_step > 0u) {
    first_step = group.z;
    end_step = group.z + 1u;
  }
  let r = row0 + 4u * rows;
  let c = column0 + column;
  var total = vec4f();
  for (var t = first_step; t < end_step; t++) {
    var sum = vec4f();
    for (var b0 = 0u; b0 < at.batch; b0 += 32u) {
      let b = b0 + thread / 8u;
      let x_row = row0 + 4u * (thread % 8u);
      left[thread] = vec4f(x_at(t, b, x_row), x_at(t, b, x_row + 1u), x_at(t, b, x_row + 2u), x_at(t, b, x_row + 3u));
      for (var i = thread; i < 1024u; i += 256u) { right[i] = dy_at(t, b0 + i / 32u, column0 + i % 32u); }
      workgroupBarrier();
      let depth = min(32u, at.batch - b0);
      for (var i = 0u; i < depth; i++) { sum += left[i * 8u + rows] * right[i * 32u + column]; }
      workgroupBarrier();
    }
    for (var i = 0u; i < 4u; i++) { total[i] += gradient_at(t, r + i, c, sum[i]); }
  }
  if (c >= at.columns) { return; }
  for (var i = 0u; i < 4u; i++) {
    if (r + i < at.rows) { gradient[first_step * at.out_step + (r + i) * at.width + at.first + c] = total[i]; }
  }
}`,
  };
}
