import type { Program } from '../pipelines.js';

const threads = 256;

/** nll = log Σ exp(logit + bias) - (logit + bias) at the label, and the logarithm itself; a workgroup a row. NaN for an odd label. */
export const lossProgram: Program = {
  bindings: [
    { name: 'logits', access: 'read' },
    { name: 'bias', access: 'read' },
    { name: 'labels', access: 'read', type: 'i32' },
    { name: 'nll', access: 'read_write' },
    { name: 'normalizer', access: 'read_write' },
  ],
  constants: [['outputs', 'u32']],
  body: `
var<workgroup> lanes: array<vec2f, ${threads}>; // the largest so far, and the sum of exponentials below it

fn joined(a: vec2f, b: vec2f) -> vec2f {
  let most = select(a.x, b.x, b.x > a.x);
  // Where nothing came yet the sum is 0, and the largest the least there is: no difference of infinities.
  return vec2f(most, a.y * exp(a.x - most) + b.y * exp(b.x - most));
}

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = group.x * at.outputs;
  var mine = vec2f(-3.0e38, 0.0);
  for (var i = thread; i < at.outputs; i += ${threads}u) {
    mine = joined(mine, vec2f(logits[row + i] + bias[i], 1.0));
  }
  lanes[thread] = mine;
  workgroupBarrier();
  for (var width = ${threads / 2}u; width > 0u; width /= 2u) {
    if (thread < width) { lanes[thread] = joined(lanes[thread], lanes[thread + width]); }
    workgroupBarrier();
  }
  if (thread != 0u) { return; }
  let log_sum = lanes[0].x + log(lanes[0].y);
  normalizer[group.x] = log_sum;
  let label = labels[group.x];
  if (label < 0 || u32(label) >= at.outputs) {
    nll[group.x] = bitcast<f32>(0x7fc00000u | (at.outputs & 1u)); // NaN; as a constant it would not compile
    return;
  }
  nll[group.x] = log_sum - (logits[row + u32(label)] + bias[label]);
}`,
};

/** Gradient of the logits, dy (softmax - one at the label). */
export const logitGradientProgram: Program = {
  bindings: [
    { name: 'logits', access: 'read' },
    { name: 'bias', access: 'read' },
    { name: 'labels', access: 'read', type: 'i32' },
    { name: 'normalizer', access: 'read' },
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
  let e = n * at.outputs + i;
  let p = exp(logits[e] + bias[i] - normalizer[n]);
  d_logits[e] = dy[n] * (p - select(0.0, 1.0, labels[n] == i32(i)));
}`,
};

/** Sums of columns, one after another: the same bits every time. */
export const columnSumsProgram: Program = {
  bindings: [
    { name: 'x', access: 'read' },
    { name: 'sums', access: 'read_write' },
  ],
  constants: [
    ['rows', 'u32'],
    ['columns', 'u32'],
  ],
  body: `
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) thread: vec3u) {
  if (thread.x >= at.columns) { return; }
  var sum = 0.0;
  for (var n = 0u; n < at.rows; n++) { sum += x[n * at.columns + thread.x]; }
  sums[thread.x] = sum;
}`,
};

/**
 * Rows added up by their labels, each sum in the order of the rows: the same bits every time, where tfjs's kernel adds with
 * atomics. A workgroup a row; the first row of each label gathers the others.
 */
export const rowsByLabelProgram: Program = {
  bindings: [
    { name: 'x', access: 'read' },
    { name: 'labels', access: 'read', type: 'i32' },
    { name: 'sums', access: 'read_write' },
  ],
  constants: [
    ['rows', 'u32'],
    ['columns', 'u32'],
    ['labels_count', 'u32'],
  ],
  body: `
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let label = labels[group.x];
  if (label < 0 || u32(label) >= at.labels_count) { return; }
  for (var n = 0u; n < group.x; n++) { if (labels[n] == label) { return; } }
  for (var j = thread; j < at.columns; j += ${threads}u) {
    var sum = 0.0;
    for (var n = group.x; n < at.rows; n++) {
      if (labels[n] == label) { sum += x[n * at.columns + j]; }
    }
    sums[u32(label) * at.columns + j] = sum;
  }
}`,
};

/** Outputs that a workgroup of the gradient covers. */
export const gradientThreads = threads;
export const columnThreads = 64;
