import type { UpdateRule } from '@rnnx/core';
import type { Binding, Program } from '../pipelines.js';

/** Threads of a workgroup. */
export const updateThreads = 256;
/** Partial sums of the squares of one tensor. */
export const squareParts = 256;

/** Words that the kernels of an update share: the factor of the gradients, NaN for an odd weight, the norm. */
export const shared = { factor: 0, check: 1, norm: 2, size: 3 } as const;

const read = (name: string): Binding => ({ name, access: 'read' });
const write = (name: string): Binding => ({ name, access: 'read_write' });

/** Adds up a workgroup's `mine` in `lanes[0]`. */
const sumText = `
  lanes[thread] = mine;
  workgroupBarrier();
  for (var width = ${updateThreads / 2}u; width > 0u; width /= 2u) {
    if (thread < width) { lanes[thread] += lanes[thread + width]; }
    workgroupBarrier();
  }`;

/** Sums of squares of a tensor, one a workgroup, put at `start` and after it. */
export const squaresProgram: Program = {
  bindings: [read('x'), write('parts')],
  constants: [
    ['count', 'u32'],
    ['start', 'u32'],
  ],
  body: `
var<workgroup> lanes: array<f32, ${updateThreads}>;

@compute @workgroup_size(${updateThreads})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  var mine = 0.0;
  for (var i = group.x * ${updateThreads}u + thread; i < at.count; i += groups.x * ${updateThreads}u) {
    mine += x[i] * x[i];
  }
${sumText}
  if (thread == 0u) { parts[at.start + group.x] = lanes[0]; }
}`,
};

/** The norm of all, and the factor min(1, limit / norm) that clips. */
export const normProgram: Program = {
  bindings: [read('parts'), { ...write('shared_words'), type: 'u32' }],
  constants: [
    ['count', 'u32'],
    ['clips', 'u32'],
    ['limit', 'f32'],
  ],
  body: `
var<workgroup> lanes: array<f32, ${updateThreads}>;

@compute @workgroup_size(${updateThreads})
fn main(@builtin(local_invocation_index) thread: u32) {
  var mine = 0.0;
  for (var i = thread; i < at.count; i += ${updateThreads}u) { mine += parts[i]; }
${sumText}
  if (thread != 0u) { return; }
  let norm = sqrt(lanes[0]);
  shared_words[${shared.norm}] = bitcast<u32>(norm);
  var factor = 1.0;
  if (at.clips != 0u && norm > at.limit) { factor = at.limit / norm; }
  shared_words[${shared.factor}] = bitcast<u32>(factor);
  shared_words[${shared.check}] = 0u;
}`,
};

/** Slots and equations of each rule, from w and the clipped gradient g; the optimizers' docstrings have them. */
const rules = {
  sgd: { slots: [], text: 'let next = w - at.rate * g;' },
  momentum: {
    slots: ['velocity'],
    text: `
    let v = at.first * velocity[i] - at.rate * g;
    velocity_out[i] = v;
    let next = w + v;`,
  },
  adam: {
    slots: ['mean', 'square'],
    text: `
    let m = at.first * mean[i] + at.rest_first * g;
    let s = at.second * square[i] + at.rest_second * g * g;
    mean_out[i] = m;
    square_out[i] = s;
    let next = w - at.rate * (m / (sqrt(s * at.correction) + at.epsilon));`,
  },
  rmsprop: {
    slots: ['velocity', 'square'],
    text: `
    let s = at.second * square[i] + at.rest_second * g * g;
    let v = at.first * velocity[i] + at.rate * g / sqrt(s + at.epsilon);
    velocity_out[i] = v;
    square_out[i] = s;
    let next = w - v;`,
  },
} as const satisfies Readonly<Record<UpdateRule['kind'], { slots: readonly string[]; text: string }>>;

export function slotsOf(rule: UpdateRule): readonly string[] {
  return rules[rule.kind].slots;
}

/** The numbers of a rule, in the order of the constants after `count`. */
export function ruleNumbers(rule: UpdateRule, learningRate: number, step: number): number[] {
  switch (rule.kind) {
    case 'sgd':
      return [learningRate, 0, 0, 0, 0, 0, 0];
    case 'momentum':
      return [learningRate, rule.momentum, 0, 0, 0, 0, 0];
    case 'adam': {
      const { beta1, beta2, epsilon } = rule;
      const rate = learningRate / (1 - beta1 ** step);
      return [rate, beta1, 1 - beta1, beta2, 1 - beta2, 1 / (1 - beta2 ** step), epsilon];
    }
    case 'rmsprop':
      return [learningRate, rule.momentum, 0, rule.decay, 1 - rule.decay, 0, rule.epsilon];
  }
}

/** One update of one parameter; tells where a new weight is not finite. */
export function updateProgram(rule: UpdateRule): Program {
  const { slots, text } = rules[rule.kind];
  const outputs = ['weight_out', ...slots.map((name) => `${name}_out`)];
  const words: Binding = { ...write('shared_words'), type: 'atomic<u32>' };
  const rates = ['rate', 'first', 'rest_first', 'second', 'rest_second', 'correction', 'epsilon'];
  return {
    bindings: [...['weight', 'gradient', ...slots].map(read), ...outputs.map(write), words],
    constants: [['count', 'u32'], ...rates.map((name) => [name, 'f32'] as const)],
    body: `
@compute @workgroup_size(${updateThreads})
fn main(@builtin(global_invocation_id) thread: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let factor = bitcast<f32>(atomicLoad(&shared_words[${shared.factor}]));
  for (var i = thread.x; i < at.count; i += groups.x * ${updateThreads}u) {
    let w = weight[i];
    let g = factor * gradient[i];
    ${text}
    weight_out[i] = next;
    // Infinity and NaN, by their bits: compilers may take comparisons with them for false.
    if ((bitcast<u32>(next) & 0x7f800000u) == 0x7f800000u) { atomicOr(&shared_words[${shared.check}], 0x7fc00000u); }
  }
}`,
  };
}
