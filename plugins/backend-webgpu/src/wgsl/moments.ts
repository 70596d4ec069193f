import type { FusedMoments } from '@rnnx/core';
import type { Binding, Program } from '../pipelines.js';
import { momentsText } from './gaussian-moments.js';
import { activationsText, mainText } from './products.js';

/** Numbers of one step: places in a buffer, in floats, but for the first three. */
export const momentFields = [
  'batch',
  'units',
  'has_next',
  /** Of the step among all steps. */
  'step',
  'next',
  /** States before and after it; variances lie `variances` behind means. */
  'before',
  'after',
  'variances',
  /** Mean and variance of the preactivation, in `memory`. */
  'm',
  'v',
  /** From the gradients of means to those of variances, in `dy`. */
  'dy_variances',
] as const;

const constants: Program['constants'] = [
  ...momentFields.map((name) => [name, 'u32'] as const),
  ['keep', 'f32'] as const,
];
const read = (name: string): Binding => ({ name, access: 'read' });
const write = (name: string): Binding => ({ name, access: 'read_write' });

/**
 * `two_sums(thread, row0, unit0)`: for the thread's example and unit, Σ_k a[b, k] w[k, j] and Σ_k b[b, k] w[k, j]². Four groups
 * of threads share out k; a thread of a group takes four examples of one unit.
 *
 * @param place of a thread's element of the weight's tile, chosen so that neighbouring threads read neighbouring numbers
 */
function twoSumsText(a: string, b: string, weight: string, place: readonly [k: string, unit: string]): string {
  const [k, unit] = place;
  return `
fn operands_of(row: u32, k: u32) -> vec2f {
  if (row < at.batch && k < at.units) { return vec2f(${a}, ${b}); }
  return vec2f();
}

fn weight_of(k: u32, j: u32) -> f32 {
  if (k < at.units && j < at.units) { return ${weight}; }
  return 0.0;
}

fn two_sums(thread: u32, row0: u32, unit0: u32) -> vec2f {
  let part = thread / 64u;
  let rows = (thread % 64u) / 8u;
  let unit = thread % 8u;
  var first = vec4f();
  var second = vec4f();
  for (var k0 = 0u; k0 < at.units; k0 += 32u) {
    let k = k0 + thread % 32u;
    let row = row0 + 4u * (thread / 32u);
    let x0 = operands_of(row, k);
    let x1 = operands_of(row + 1u, k);
    let x2 = operands_of(row + 2u, k);
    let x3 = operands_of(row + 3u, k);
    let to = (thread / 32u) * 33u + thread % 32u;
    tile[to] = vec4f(x0.x, x1.x, x2.x, x3.x);
    tile[264u + to] = vec4f(x0.y, x1.y, x2.y, x3.y);
    let w = weight_of(k0 + ${k}, unit0 + ${unit});
    tile[528u + (${k}) * 8u + ${unit}] = vec4f(w, w * w, 0.0, 0.0);
    workgroupBarrier();
    let end = min(part * 8u + 8u, at.units - k0);
    for (var i = part * 8u; i < end; i++) {
      let w = tile[528u + i * 8u + unit];
      first += tile[rows * 33u + i] * w.x;
      second += tile[264u + rows * 33u + i] * w.y;
    }
    workgroupBarrier();
  }
  let mine = part * 64u + rows * 8u + unit;
  tile[mine] = first;
  tile[256u + mine] = second;
  workgroupBarrier();
  var sums = vec2f();
  let r = (thread / 8u) % 4u;
  for (var p = (thread / 32u) * 8u + thread % 8u; p < 256u; p += 64u) { sums += vec2f(tile[p][r], tile[256u + p][r]); }
  return sums;
}`;
}

/** One step: m = p + q h W, v = r + (q s + q (1 - q) h²) W², and the moments of φ. */
export function momentForwardProgram(cell: FusedMoments): Program {
  const h = 'states[at.before + row * at.units + k]';
  const s = 'states[at.variances + at.before + row * at.units + k]';
  return {
    bindings: [...['weight', 'product', 'variance'].map(read), write('memory'), write('states')],
    constants,
    body: `${activationsText}
${momentsText(cell)}
${twoSumsText(h, `at.keep * (${s} + (1.0 - at.keep) * ${h} * ${h})`, 'weight[k * at.units + j]', ['thread / 8u', 'thread % 8u'])}
${mainText(`
  let sums = two_sums(thread, row0, unit0);
  if (b >= at.batch || j >= at.units) { return; }
  let e = b * at.units + j;
  let m = product[at.step + e] + at.keep * sums.x;
  let v = variance[at.step + e] + sums.y;
  memory[at.m + e] = m;
  memory[at.v + e] = v;
  let moments = moments_of(m, v);
  states[at.after + e] = moments.x;
  states[at.variances + at.after + e] = moments.y;`)}`,
  };
}

/** `carried(b, j, h, sums)`: gradients of mean and variance of h from those of what they enter. */
const carriedText = `
fn carried(h: f32, sums: vec2f) -> vec2f {
  return at.keep * vec2f(sums.x + 2.0 * (1.0 - at.keep) * h * sums.y, sums.y);
}
${twoSumsText(
  'd_product[at.next + row * at.units + k]',
  'd_variance[at.next + row * at.units + k]',
  'weight[j * at.units + k]',
  ['thread % 32u', 'thread / 32u'],
)}`;

export function momentBackwardProgram(cell: FusedMoments): Program {
  return {
    bindings: [...['weight', 'memory', 'states', 'dy'].map(read), ...['d_product', 'd_variance'].map(write)],
    constants,
    body: `${activationsText}
${momentsText(cell)}
${carriedText}
${mainText(`
  var sums = vec2f();
  if (at.has_next != 0u) { sums = two_sums(thread, row0, unit0); }
  if (b >= at.batch || j >= at.units) { return; }
  let e = b * at.units + j;
  let d = vec2f(dy[at.step + e], dy[at.dy_variances + at.step + e]) + carried(states[at.after + e], sums);
  let slopes = slopes_of(memory[at.m + e], memory[at.v + e], d);
  d_product[at.step + e] = slopes.x;
  d_variance[at.step + e] = slopes.y;`)}`,
  };
}

/** Gradients of the first mean and variance, one behind the other; runs last. */
export const momentFirstProgram: Program = {
  bindings: [...['weight', 'states', 'd_product', 'd_variance'].map(read), write('first')],
  constants,
  body: `${carriedText}
${mainText(`
  let sums = two_sums(thread, row0, unit0);
  if (b >= at.batch || j >= at.units) { return; }
  let e = b * at.units + j;
  let d = carried(states[at.before + e], sums);
  first[e] = d.x;
  first[at.batch * at.units + e] = d.y;`)}`,
};
