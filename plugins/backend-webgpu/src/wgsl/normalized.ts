import type { Binding, Program } from '../pipelines.js';
import { activationsText, gateSumsText, operandGradientText, threads, tileRows, tileUnits } from './products.js';

/** What the text of the kernels depends on. */
export interface NormalizedShape {
  /** Statistics are given and take no part in gradients. */
  readonly population: boolean;
  /** Examples of weight 0 are left out of the statistics. */
  readonly masked: boolean;
}

/**
 * Numbers of one step: places in a buffer, in floats, but for the first three. Of each normalisation mean and variance lie in
 * `memory`; `params` holds the bias, what scales input, recurrent product and readout, the readout's shift, and the mask.
 */
export const normalizedFields = [
  'batch',
  'units',
  'has_next',
  'product',
  'hidden_out',
  'hidden_before',
  'hidden_after',
  'cell_before',
  'cell_after',
  'sums',
  'd_sums',
  'd_sums_next',
  'input_mean',
  'input_variance',
  'recurrent_mean',
  'recurrent_variance',
  'readout_mean',
  'readout_variance',
  'mask',
  'd_cell',
  'd_readout',
  'totals',
] as const;

export const epsilonFields = ['input_epsilon', 'recurrent_epsilon', 'readout_epsilon'] as const;

/** Numbers a step and unit of `work` at `totals`: over the examples. */
export const totals = { gates: 0, recurrent: 4, beta: 8, readout: 9, input: 10, all: 14 } as const;

export const normalizedConstants: Program['constants'] = [
  ...normalizedFields.map((name) => [name, 'u32'] as const),
  ...epsilonFields.map((name) => [name, 'f32'] as const),
];
const read = (name: string): Binding => ({ name, access: 'read' });
const write = (name: string): Binding => ({ name, access: 'read_write' });

function examplesText({ masked }: NormalizedShape): string {
  return masked
    ? `
fn weight_of_example(b: u32) -> f32 { return params[at.mask + b]; }
fn count_of_examples() -> f32 {
  var count = 0.0;
  for (var b = 0u; b < at.batch; b++) { count += params[at.mask + b]; }
  return max(count, 1.0);
}`
    : `
fn weight_of_example(b: u32) -> f32 { return 1.0; }
fn count_of_examples() -> f32 { return f32(at.batch); }`;
}

const gatesText = `
fn gates_of(place: u32) -> vec4u { return vec4u(place, place + at.units, place + 2u * at.units, place + 3u * at.units); }
fn param_gates(block: u32, j: u32) -> vec4f {
  let p = gates_of(block * at.units + j);
  return vec4f(params[p.x], params[p.y], params[p.z], params[p.w]);
}
fn memory_gates(place: u32, j: u32) -> vec4f {
  let p = gates_of(place + j);
  return vec4f(memory[p.x], memory[p.y], memory[p.z], memory[p.w]);
}
fn product_gates(b: u32, j: u32) -> vec4f {
  let p = gates_of(at.product + b * 4u * at.units + j);
  return vec4f(product[p.x], product[p.y], product[p.z], product[p.w]);
}
fn recurrent_gates(b: u32, j: u32) -> vec4f { return memory_gates(at.sums + b * 4u * at.units, j); }

/** A normalisation: x -> (x - mean) slope, then times gamma. */
struct Norm {
  mean: vec4f,
  slope: vec4f,
  scale: vec4f,
}
fn input_norm(j: u32) -> Norm {
  let slope = inverseSqrt(memory_gates(at.input_variance, j) + at.input_epsilon);
  return Norm(memory_gates(at.input_mean, j), slope, slope * param_gates(4u, j));
}
fn recurrent_norm(j: u32) -> Norm {
  let slope = inverseSqrt(memory_gates(at.recurrent_variance, j) + at.recurrent_epsilon);
  return Norm(memory_gates(at.recurrent_mean, j), slope, slope * param_gates(8u, j));
}
fn readout_norm(j: u32) -> Norm {
  let slope = inverseSqrt(memory[at.readout_variance + j] + at.readout_epsilon);
  let gamma = params[12u * at.units + j];
  return Norm(vec4f(memory[at.readout_mean + j]), vec4f(slope), vec4f(slope * gamma));
}
fn sums_of_gates(b: u32, j: u32, input: Norm, recurrent: Norm, bias: vec4f) -> vec4f {
  return (product_gates(b, j) - input.mean) * input.scale + (recurrent_gates(b, j) - recurrent.mean) * recurrent.scale + bias;
}
`;

/** `over_examples(thread, x)`: the sum over the threads of a unit, for each of them. */
const overExamplesText = `
fn over_examples(thread: u32, x: vec4f) -> vec4f {
  tile[thread] = x;
  workgroupBarrier();
  for (var width = ${threads / 2}u; width >= ${tileUnits}u; width /= 2u) {
    if (thread < width) { tile[thread] += tile[thread + width]; }
    workgroupBarrier();
  }
  let sum = tile[thread % ${tileUnits}u];
  workgroupBarrier();
  return sum;
}`;

/** A workgroup has all examples of some units: what is normalised together stays together. */
const head = `
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let unit0 = group.x * ${tileUnits}u;
  let lane = thread / ${tileUnits}u;
  let place = unit0 + thread % ${tileUnits}u;
  let there = place < at.units;
  let j = min(place, at.units - 1u); // no reads out of bounds
  let end = select(0u, at.batch, there);`;

/** Mean and variance over the examples of `x(b, j)`, in two passes: the variance cannot cancel. */
function measureText(x: string, mean: string, variance: string, gates: boolean): string {
  const store = (place: string, value: string) =>
    gates
      ? `let p = gates_of(${place} + j);
      memory[p.x] = ${value}.x; memory[p.y] = ${value}.y; memory[p.z] = ${value}.z; memory[p.w] = ${value}.w;`
      : `memory[${place} + j] = ${value}.x;`;
  return `
  {
    var total = vec4f();
    for (var b = lane; b < end; b += ${tileRows}u) { total += weight_of_example(b) * ${x}; }
    let mean = over_examples(thread, total) / count;
    total = vec4f();
    for (var b = lane; b < end; b += ${tileRows}u) {
      let centred = ${x} - mean;
      total += weight_of_example(b) * centred * centred;
    }
    let variance = over_examples(thread, total) / count;
    if (there && lane == 0u) {
      { ${store(mean, 'mean')} }
      { ${store(variance, 'variance')} }
    }
    storageBarrier();
  }`;
}

/** One step of the long short-term memory with both products and the readout normalised. */
export function normalizedForwardProgram(shape: NormalizedShape): Program {
  const product = gateSumsText({
    operand: 'states[at.hidden_before + row * at.units + k]',
    weight: 'weight[k * (4u * at.units) + c]',
    costly: false,
    gates: 4,
    gated: false,
  }).replaceAll('gates_of(', 'weights_of('); // the name is taken here
  return {
    bindings: [read('weight'), read('product'), read('params'), write('memory'), write('states')],
    constants: normalizedConstants,
    body: `
var<workgroup> tile: array<vec4f, 1024>;
${activationsText}
${product}
${examplesText(shape)}
${gatesText}
${overExamplesText}
${head}
  for (var row0 = 0u; row0 < at.batch; row0 += ${tileRows}u) {
    let sums = gate_sums(thread, row0, unit0);
    let b = row0 + lane;
    if (b < end) {
      let p = gates_of(at.sums + b * 4u * at.units + j);
      memory[p.x] = sums.x;
      memory[p.y] = sums.y;
      memory[p.z] = sums.z;
      memory[p.w] = sums.w;
    }
    workgroupBarrier();
  }
  let count = count_of_examples();
${shape.population ? '' : measureText('recurrent_gates(b, j)', 'at.recurrent_mean', 'at.recurrent_variance', true)}
  let input = input_norm(j);
  let recurrent = recurrent_norm(j);
  let bias = param_gates(0u, j);
  for (var b = lane; b < end; b += ${tileRows}u) {
    let sums = sums_of_gates(b, j, input, recurrent, bias);
    let e = b * at.units + j;
    let kept = sigmoid(sums.y) * memory[at.cell_before + e];
    memory[at.cell_after + e] = kept + sigmoid(sums.x) * tangent(sums.z);
    states[at.hidden_after + e] = sigmoid(sums.w);
  }
${shape.population ? '' : measureText('vec4f(memory[at.cell_after + b * at.units + j])', 'at.readout_mean', 'at.readout_variance', false)}
  let readout = readout_norm(j);
  let beta = params[13u * at.units + j];
  for (var b = lane; b < end; b += ${tileRows}u) {
    let e = b * at.units + j;
    let seen = (memory[at.cell_after + e] - readout.mean.x) * readout.scale.x + beta;
    states[at.hidden_after + e] *= tangent(seen);
  }
}`,
  };
}

function stateGradient(): string {
  return operandGradientText({
    gradient: 'd_sums[at.d_sums_next + row * 4u * at.units + c]',
    weight: 'weight[j * (4u * at.units) + c]',
    costly: false,
    gates: 4,
    gated: false,
  });
}

/**
 * The same backwards: with y = gamma (x - mean) slope + beta and d = dy,
 *
 *     dx = gamma slope (d - weight / count (Σ d + standard Σ d standard)),  standard = (x - mean) slope
 *
 * without the sums where the statistics are given. The input's is left to `inputGradientProgram`.
 */
export function normalizedBackwardProgram(shape: NormalizedShape): Program {
  return {
    bindings: [
      ...['weight', 'product', 'params', 'memory', 'dy'].map(read),
      ...['d_sums', 'd_product', 'work'].map(write),
    ],
    constants: normalizedConstants,
    body: `
var<workgroup> tile: array<vec4f, 1024>;
${activationsText}
${stateGradient()}
${examplesText(shape)}
${gatesText}
${overExamplesText}
fn d_gates(b: u32, j: u32) -> vec4f {
  let p = gates_of(at.product + b * 4u * at.units + j);
  return vec4f(d_product[p.x], d_product[p.y], d_product[p.z], d_product[p.w]);
}
${head}
  let input = input_norm(j);
  let recurrent = recurrent_norm(j);
  let readout = readout_norm(j);
  let bias = param_gates(0u, j);
  let beta = params[13u * at.units + j];
  let through = ${shape.population ? '0.0' : '1.0 / count_of_examples()'};

  var of_readout = vec4f();
  for (var row0 = 0u; row0 < at.batch; row0 += ${tileRows}u) {
    var d_operand = 0.0;
    if (at.has_next != 0u) {
      d_operand = operand_gradient(thread, row0, unit0);
      workgroupBarrier();
    }
    let b = row0 + lane;
    if (b < end) {
      let e = b * at.units + j;
      let dh = dy[at.hidden_out + e] + d_operand;
      let o = sigmoid(sums_of_gates(b, j, input, recurrent, bias).w);
      let centred = memory[at.cell_after + e] - readout.mean.x;
      let seen = tangent(centred * readout.scale.x + beta);
      let d = dh * o * (1.0 - seen * seen);
      of_readout += vec4f(d, d * centred * readout.slope.x, 0.0, 0.0);
      work[at.d_readout + e] = d;
      d_product[at.product + b * 4u * at.units + 3u * at.units + j] = dh * seen * o * (1.0 - o);
    }
  }
  of_readout = over_examples(thread, of_readout);

  var total = vec4f();
  var of_recurrent = vec4f();
  for (var b = lane; b < end; b += ${tileRows}u) {
    let e = b * at.units + j;
    let standard = (memory[at.cell_after + e] - readout.mean.x) * readout.slope.x;
    let share = through * weight_of_example(b);
    let past = work[at.d_readout + e] - share * (of_readout.x + standard * of_readout.y);
    let dc = work[at.d_cell + e] + readout.scale.x * past;
    let sums = sums_of_gates(b, j, input, recurrent, bias);
    let i = sigmoid(sums.x);
    let f = sigmoid(sums.y);
    let g = tangent(sums.z);
    let p = gates_of(at.product + b * 4u * at.units + j);
    let before = memory[at.cell_before + e];
    let d = vec4f(dc * g * i * (1.0 - i), dc * before * f * (1.0 - f), dc * i * (1.0 - g * g), d_product[p.w]);
    work[at.d_cell + e] = dc * f;
    d_product[p.x] = d.x;
    d_product[p.y] = d.y;
    d_product[p.z] = d.z;
    total += d;
    of_recurrent += d * (recurrent_gates(b, j) - recurrent.mean) * recurrent.slope;
  }
  total = over_examples(thread, total);
  of_recurrent = over_examples(thread, of_recurrent);
  if (there && lane == 0u) {
    let to = at.totals + j;
    for (var g = 0u; g < 4u; g++) {
      work[to + g * at.units] = total[g];
      work[to + (${totals.recurrent}u + g) * at.units] = of_recurrent[g];
    }
    work[to + ${totals.beta}u * at.units] = of_readout.x;
    work[to + ${totals.readout}u * at.units] = of_readout.y;
  }

  for (var b = lane; b < end; b += ${tileRows}u) {
    let share = through * weight_of_example(b);
    let standard = (recurrent_gates(b, j) - recurrent.mean) * recurrent.slope;
    let d = recurrent.scale * (d_gates(b, j) - share * (total + standard * of_recurrent));
    let p = gates_of(at.d_sums + b * 4u * at.units + j);
    d_sums[p.x] = d.x;
    d_sums[p.y] = d.y;
    d_sums[p.z] = d.z;
    d_sums[p.w] = d.w;
  }
}`,
  };
}

/** The gradient of the first hidden state, in `work` at `d_readout`; runs last. */
export const normalizedFirstProgram: Program = {
  bindings: [read('weight'), read('d_sums'), write('work')],
  constants: normalizedConstants,
  body: `
var<workgroup> tile: array<vec4f, 1024>;
${stateGradient()}

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let b = group.y * ${tileRows}u + thread / ${tileUnits}u;
  let j = group.x * ${tileUnits}u + thread % ${tileUnits}u;
  let d = operand_gradient(thread, group.y * ${tileRows}u, group.x * ${tileUnits}u);
  if (b < at.batch && j < at.units) { work[at.d_readout + b * at.units + j] = d; }
}`,
};
