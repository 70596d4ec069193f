/** Threads of a workgroup; it makes `tileRows` x `tileUnits` elements. */
export const threads = 256;
export const tileRows = 32;
export const tileUnits = 8;

/** The entry point's head: the thread's example b and unit j, and the tile's first ones. */
export function mainText(body: string): string {
  return `
var<workgroup> tile: array<vec4f, 1024>;

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row0 = group.y * ${tileRows}u;
  let unit0 = group.x * ${tileUnits}u;
  let b = row0 + thread / ${tileUnits}u;
  let j = unit0 + thread % ${tileUnits}u;
${body}
}`;
}

/** How a recurrent product is put together, in expressions. */
export interface ProductText {
  /** Of the operand's element at (row, k); of the gate g too where operands differ by gate. */
  readonly operand: string;
  /** Of the weight's element at (k, c). */
  readonly weight: string;
  /** Whether the weight's text is long: then it stands once, in a loop. */
  readonly costly: boolean;
  /** Gates side by side in the weight, 1 to 4. */
  readonly gates: number;
  readonly gated: boolean;
}

/**
 * `gate_sums(thread, row0, unit0)`: for the thread's example and unit, Σ_k operand[b, k] weight[k, g H + j], a component a gate.
 *
 * Four groups of threads share out k; a thread of a group takes four examples of one unit, all gates at once. Their parts
 * meet in the tile's memory. Where operands differ by gate, one gate comes after the other.
 */
export function gateSumsText(text: ProductText): string {
  return text.gated ? sumsByGateText(text) : sumsText(text);
}

function weightText(weight: string): string {
  return `
fn weight_at(k: u32, c: u32) -> f32 { return ${weight}; }`;
}

function sumsText({ operand, weight, costly, gates }: ProductText): string {
  const column = [0, 1, 2, 3].map((g) => (g < gates ? `weight_at(k, ${g}u * at.units + j)` : '0.0'));
  const all = costly
    ? `var w = vec4f();
  for (var g = 0u; g < ${gates}u; g++) { w[g] = weight_at(k, g * at.units + j); }
  return w;`
    : `return vec4f(${column.join(', ')});`;
  return `${weightText(weight)}

fn operand_of(row: u32, k: u32) -> f32 {
  if (row < at.batch && k < at.units) { return ${operand}; }
  return 0.0;
}

fn gates_of(k: u32, j: u32) -> vec4f {
  if (k >= at.units || j >= at.units) { return vec4f(); }
  ${all}
}

fn gate_sums(thread: u32, row0: u32, unit0: u32) -> vec4f {
  let part = thread / 64u;
  let rows = (thread % 64u) / 8u;
  let unit = thread % 8u;
  var sums = array<vec4f, 4>();
  for (var k0 = 0u; k0 < at.units; k0 += 32u) {
    let k = k0 + thread % 32u;
    let row = row0 + 4u * (thread / 32u);
    tile[(thread / 32u) * 33u + thread % 32u] =
      vec4f(operand_of(row, k), operand_of(row + 1u, k), operand_of(row + 2u, k), operand_of(row + 3u, k));
    tile[264u + thread] = gates_of(k0 + thread / 8u, unit0 + unit);
    workgroupBarrier();
    for (var i = part * 8u; i < part * 8u + 8u; i++) {
      let x = tile[rows * 33u + i];
      let w = tile[264u + i * 8u + unit];
      sums[0] += x.x * w;
      sums[1] += x.y * w;
      sums[2] += x.z * w;
      sums[3] += x.w * w;
    }
    workgroupBarrier();
  }
  for (var r = 0u; r < 4u; r++) { tile[part * 256u + (rows * 4u + r) * 8u + unit] = sums[r]; }
  workgroupBarrier();
  return tile[thread] + tile[256u + thread] + tile[512u + thread] + tile[768u + thread];
}`;
}

function sumsByGateText({ operand, weight }: ProductText): string {
  return `${weightText(weight)}

fn operand_of(g: u32, row: u32, k: u32) -> f32 {
  if (row < at.batch && k < at.units) { return ${operand}; }
  return 0.0;
}

fn gate_of(g: u32, k: u32, j: u32) -> f32 {
  if (k >= at.units || j >= at.units) { return 0.0; }
  return weight_at(k, g * at.units + j);
}

fn gate_sum(g: u32, thread: u32, row0: u32, unit0: u32) -> f32 {
  let part = thread / 64u;
  let rows = (thread % 64u) / 8u;
  let unit = thread % 8u;
  var sum = vec4f();
  for (var k0 = 0u; k0 < at.units; k0 += 32u) {
    let k = k0 + thread % 32u;
    let row = row0 + 4u * (thread / 32u);
    tile[(thread / 32u) * 33u + thread % 32u] = vec4f(operand_of(g, row, k), operand_of(g, row + 1u, k),
      operand_of(g, row + 2u, k), operand_of(g, row + 3u, k));
    tile[264u + thread].x = gate_of(g, k0 + thread / 8u, unit0 + unit);
    workgroupBarrier();
    for (var i = part * 8u; i < part * 8u + 8u; i++) { sum += tile[rows * 33u + i] * tile[264u + i * 8u + unit].x; }
    workgroupBarrier();
  }
  tile[part * 64u + rows * 8u + unit] = sum;
  workgroupBarrier();
  let place = (thread / 32u) * 8u + thread % 8u;
  let r = (thread / 8u) % 4u;
  let whole = tile[place][r] + tile[64u + place][r] + tile[128u + place][r] + tile[192u + place][r];
  workgroupBarrier(); // the tile is the next gate's
  return whole;
}

fn gate_sums(thread: u32, row0: u32, unit0: u32) -> vec4f {
  var sums = vec4f();
  for (var g = 0u; g < at.gate_count; g++) { sums[g] = gate_sum(g, thread, row0, unit0); }
  return sums;
}`;
}

/** What goes back through a recurrent product, in expressions. */
export interface GradientText {
  /** Of the product's gradient at (row, c). */
  readonly gradient: string;
  /** Of the weight's element at (j, c). */
  readonly weight: string;
  /** Whether the weight's text is long: then it stands once, in a loop. */
  readonly costly: boolean;
  /** Gates side by side in the weight. */
  readonly gates: number;
  readonly gated: boolean;
}

/**
 * `operand_gradient(thread, row0, unit0)`: for the thread's example and unit, Σ_c gradient[b, c] weight[j, c]; a component a gate
 * where operands differ by gate. Sixteen groups of threads share out c; a thread takes four examples of four units.
 */
export function operandGradientText({ gradient, weight, costly, gates, gated }: GradientText): string {
  const units = costly
    ? `var w = vec4f();
      for (var u = 0u; u < 4u; u++) { w[u] = weight_of(unit + u, c, end); }`
    : `let w = vec4f(weight_of(unit, c, end), weight_of(unit + 1u, c, end), weight_of(unit + 2u, c, end),
        weight_of(unit + 3u, c, end));`;
  return `
fn gradient_of(row: u32, c: u32, end: u32) -> f32 {
  if (row < at.batch && c < end) { return ${gradient}; }
  return 0.0;
}

fn weight_of(j: u32, c: u32, end: u32) -> f32 {
  if (j < at.units && c < end) { return ${weight}; }
  return 0.0;
}

fn gradient_of_columns(first: u32, end: u32, thread: u32, row0: u32, unit0: u32) -> f32 {
  let part = thread / 16u;
  let rows = (thread % 16u) / 2u;
  let units = thread % 2u;
  var sums = array<vec4f, 4>();
  for (var c0 = first; c0 < end; c0 += 64u) {
    let at_c = thread % 64u;
    let c = c0 + at_c;
    for (var rows4 = thread / 64u; rows4 < 8u; rows4 += 4u) {
      let row = row0 + 4u * rows4;
      tile[rows4 * 65u + at_c] = vec4f(gradient_of(row, c, end), gradient_of(row + 1u, c, end),
        gradient_of(row + 2u, c, end), gradient_of(row + 3u, c, end));
    }
    if (thread < 128u) {
      let unit = unit0 + 4u * (thread / 64u);
      ${units}
      tile[520u + (thread / 64u) * 65u + at_c] = w;
    }
    workgroupBarrier();
    for (var i = part * 4u; i < part * 4u + 4u; i++) {
      let d = tile[rows * 65u + i];
      let w = tile[520u + units * 65u + i];
      sums[0] += d.x * w;
      sums[1] += d.y * w;
      sums[2] += d.z * w;
      sums[3] += d.w * w;
    }
    workgroupBarrier();
  }
  for (var r = 0u; r < 4u; r++) { tile[part * 64u + (rows * 4u + r) * 2u + units] = sums[r]; }
  workgroupBarrier();
  let row = thread / 8u;
  let unit = thread % 8u;
  var sum = 0.0;
  for (var p = 0u; p < 16u; p++) { sum += tile[p * 64u + row * 2u + unit / 4u][unit % 4u]; }
  return sum;
}

${
  gated
    ? `fn operand_gradient(thread: u32, row0: u32, unit0: u32) -> vec4f {
  var sums = vec4f();
  for (var g = 0u; g < at.gate_count; g++) {
    sums[g] = gradient_of_columns(g * at.units, (g + 1u) * at.units, thread, row0, unit0);
    workgroupBarrier();
  }
  return sums;
}`
    : `fn operand_gradient(thread: u32, row0: u32, unit0: u32) -> f32 {
  return gradient_of_columns(0u, ${gates}u * at.units, thread, row0, unit0);
}`
}`;
}

/**
 * The nonlinearities. Some drivers' tanh is 1.5e-7 off where it nears 1, and 1 - y² then by twice that: here it is a polynomial near 0
 * (coefficients: Moshier, Cephes, tanhf) and elsewhere taken from 1, right to the last digit but one and without overflow.
 */
export const activationsText = `
fn sigmoid(x: f32) -> f32 { return 1.0 / (1.0 + exp(-x)); }
fn tangent(x: f32) -> f32 {
  let z = x * x;
  let series = (((-5.70498872745e-3 * z + 2.06390887954e-2) * z - 5.37397155531e-2) * z + 1.33314422036e-1) * z - 3.33332819422e-1;
  let e = exp(-2.0 * abs(x));
  return select(sign(x) * (1.0 - 2.0 * e / (1.0 + e)), x + x * z * series, abs(x) < 0.625);
}
`;
