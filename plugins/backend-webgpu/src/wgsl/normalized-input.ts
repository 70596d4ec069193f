import type { Binding, Program } from '../pipelines.js';
import { type NormalizedShape, normalizedConstants, totals } from './normalized.js';

const read = (name: string): Binding => ({ name, access: 'read' });
const write = (name: string): Binding => ({ name, access: 'read_write' });

/** Threads of the kernels over the input product, a column each; a workgroup has one step. */
export const columnsTogether = 64;

const columnHead = `
@compute @workgroup_size(${columnsTogether})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let width = 4u * at.units;
  let c = group.x * ${columnsTogether}u + thread;
  if (c >= width) { return; }
  let t = group.y;
  let first = t * at.batch * width + c;`;

function columnExamplesText({ masked }: NormalizedShape): string {
  return masked
    ? 'fn weight_of(t: u32, b: u32) -> f32 { return params[at.mask + t * at.batch + b]; }'
    : 'fn weight_of(t: u32, b: u32) -> f32 { return 1.0; }';
}

/** Statistics of the input product at all steps; the constants are those of step 0. */
export function inputStatisticsProgram(shape: NormalizedShape): Program {
  return {
    bindings: [read('product'), read('params'), write('memory')],
    constants: normalizedConstants,
    body: `
${columnExamplesText(shape)}
${columnHead}
  var count = 0.0;
  var total = 0.0;
  for (var b = 0u; b < at.batch; b++) {
    count += weight_of(t, b);
    total += weight_of(t, b) * product[first + b * width];
  }
  count = max(count, 1.0);
  let mean = total / count;
  total = 0.0;
  for (var b = 0u; b < at.batch; b++) {
    let centred = product[first + b * width] - mean;
    total += weight_of(t, b) * centred * centred;
  }
  memory[at.input_mean + t * width + c] = mean;
  memory[at.input_variance + t * width + c] = total / count;
}`,
  };
}

/** The gradient of the input product at all steps from that of the gates' sums, in place; the constants are those of step 0. */
export function inputGradientProgram(shape: NormalizedShape, sharedStatistics: boolean): Program {
  const at = sharedStatistics ? 'c' : 't * width + c';
  return {
    bindings: [read('product'), read('params'), read('memory'), write('d_product'), write('work')],
    constants: normalizedConstants,
    body: `
${columnExamplesText(shape)}
${columnHead}
  let mean = memory[at.input_mean + ${at}];
  let slope = inverseSqrt(memory[at.input_variance + ${at}] + at.input_epsilon);
  let scale = slope * params[width + c];
  var count = 0.0;
  var of_input = 0.0;
  for (var b = 0u; b < at.batch; b++) {
    let e = first + b * width;
    count += weight_of(t, b);
    of_input += d_product[e] * (product[e] - mean) * slope;
  }
  let to = at.totals + t * ${totals.all}u * at.units;
  let total = work[to + c];
  work[to + ${totals.input}u * at.units + c] = of_input;
  let through = ${shape.population ? '0.0' : '1.0 / max(count, 1.0)'};
  for (var b = 0u; b < at.batch; b++) {
    let e = first + b * width;
    let standard = (product[e] - mean) * slope;
    d_product[e] = scale * (d_product[e] - through * weight_of(t, b) * (total + standard * of_input));
  }
}`,
  };
}
