import type { Program } from '../pipelines.js';

const threads = 128;

/** nll = Σ log(1 + exp η) - η y with η = logit + bias; a workgroup a row. */
export const sigmoidLossProgram: Program = {
  bindings: [
    { name: 'logits', access: 'read' },
    { name: 'bias', access: 'read' },
    { name: 'targets', access: 'read' },
    { name: 'nll', access: 'read_write' },
  ],
  constants: [['outputs', 'u32']],
  body: `
var<workgroup> lanes: array<f32, ${threads}>;

/** log(1 + e) for e in 0 .. 1: twice the inverse hyperbolic tangent of e / (2 + e), by its series. */
fn log_one_plus(e: f32) -> f32 {
  let s = e / (e + 2.0);
  let z = s * s;
  let rest = z * (2.0 / 3.0 + z * (2.0 / 5.0 + z * (2.0 / 7.0 + z * (2.0 / 9.0 + z * (2.0 / 11.0 + z * (2.0 / 13.0
    + z * (2.0 / 15.0)))))));
  return 2.0 * s + s * rest;
}

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = group.x * at.outputs;
  var sum = 0.0;
  for (var i = thread; i < at.outputs; i += ${threads}u) {
    let x = logits[row + i] + bias[i];
    // log(1 + exp x) - y x, where nothing overflows or cancels.
    sum += (select(x, 0.0, x < 0.0) - targets[row + i] * x) + log_one_plus(exp(-abs(x)));
  }
  lanes[thread] = sum;
  workgroupBarrier();
  for (var width = ${threads / 2}u; width > 0u; width /= 2u) {
    if (thread < width) { lanes[thread] += lanes[thread + width]; }
    workgroupBarrier();
  }
  if (thread == 0u) { nll[group.x] = lanes[0]; }
}`,
};

/** Gradient of the logits, dy (σ(η) - y). */
export const sigmoidGradientProgram: Program = {
  bindings: [
    { name: 'logits', access: 'read' },
    { name: 'bias', access: 'read' },
    { name: 'targets', access: 'read' },
    { name: 'dy', access: 'read' },
    { name: 'd_logits', access: 'read_write' },
  ],
  constants: [['outputs', 'u32']],
  body: `
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let n = group.y;
  let i = group.x * ${threads}u + thread;
  if (i >= at.outputs) { return; }
  let element = n * at.outputs + i;
  let x = logits[element] + bias[i];
  let y = targets[element];
  // (1 - y) σ(x) - y σ(-x) does not cancel where the prediction is right.
  let e = exp(-abs(x));
  let large = 1.0 / (1.0 + e);
  let small = e * large;
  let positive = select(large, small, x < 0.0);
  let negative = select(small, large, x < 0.0);
  d_logits[element] = dy[n] * ((1.0 - y) * positive - y * negative);
}`,
};

/** Outputs that a workgroup of the gradient covers. */
export const sigmoidThreads = threads;
