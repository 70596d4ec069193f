import type { Binding, Program } from '../pipelines.js';
import {
  applyText,
  backText,
  type Chains,
  gateGradientText,
  gateValueText,
  gradientText,
  isGated,
  type SequenceSite,
  valueText,
} from './chains.js';
import { activationsText, mainText, operandGradientText, type ProductText } from './products.js';

/** What the text of a sequence's kernels depends on. */
export interface Shape {
  readonly chains: Chains;
  /** Perturbations in all. */
  readonly count: number;
  /** Side by side in the input product. */
  readonly gates: number;
  /** The first of them multiply h_{t-1}: all, or those before the candidate. */
  readonly shared: number;
  /** The gradients of the recurrent products are not those of the input product. */
  readonly split: boolean;
}

/** The kernels of a cell, in the order in which they run at a step. */
export interface CellPrograms {
  readonly forward: readonly Program[];
  readonly backward: readonly Program[];
}

/**
 * Numbers of one step; `gate_count` counts gates, the first four are what they say, all others are places in a buffer, in floats.
 * Loops over gates end there, which compilers do not know: they would copy all that perturbs for each gate.
 */
export const stepFields = [
  'batch',
  'units',
  't',
  'has_next',
  'product',
  'hidden_out',
  'operand',
  'operand_next',
  'operand_gate',
  'gate_count',
  'hidden_before',
  'hidden_after',
  'gates',
  'cell_before',
  'cell_after',
  'cell_next',
  'readout',
  'sums',
  'reset',
  'd_sums',
  'd_sums_next',
  'd_previous',
  'd_cell',
  'd_bias',
] as const;

export type StepNumbers = Readonly<Record<(typeof stepFields)[number], number>>;

export function hasSite({ chains }: Shape, site: SequenceSite): boolean {
  return (chains[site]?.length ?? 0) > 0;
}

/** Whether operands of the recurrent product differ by gate. */
function operandsByGate({ chains }: Shape): boolean {
  return isGated('recurrent', chains);
}

/** What enters the recurrent product of one gate in place of x, in expressions. */
function applyOperand(shape: Shape, gate: string, t: string, x: string): string {
  return `apply_recurrent(${operandsByGate(shape) ? `${gate}, ` : ''}${t}, b, j, ${x}, 0.0)`;
}

/** The candidate's product takes its operand from another kernel. */
export const candidateOperand = (shape: Shape, x: string) => applyOperand(shape, '2u', 'at.t', x);
export const candidateGradient = (shape: Shape, x: string, d: string) =>
  `back_recurrent(${operandsByGate(shape) ? '2u, ' : ''}at.t, b, j, ${x}, 0.0, ${d}).x`;

const matrices = { weight: 'weights.recurrent', candidate: 'weights.candidate' } as const;

/** Element (row, column) of a matrix as step t sees it, in expressions. */
export function matrixAt(shape: Shape, matrix: keyof typeof matrices, t: string, row: string, column: string): string {
  const gates = matrix === 'weight' ? shape.shared : 1;
  const stored = `${matrix}[${row} * (${gates}u * at.units) + ${column}]`;
  const site = matrices[matrix];
  if (!hasSite(shape, site)) return stored;
  return `apply_${site.replace('.', '_')}(${t}, ${row}, ${column}, ${stored}, 0.0)`;
}

/** The product that h_{t-1} enters. */
export function stateProduct(shape: Shape): ProductText {
  const perturbed = operandsByGate(shape)
    ? 'operand[at.operand + g * at.operand_gate + row * at.units + k]'
    : 'operand[at.operand + row * at.units + k]';
  return {
    operand: hasSite(shape, 'recurrent') ? perturbed : 'states[at.hidden_before + row * at.units + k]',
    weight: matrixAt(shape, 'weight', 'at.t', 'k', 'c'),
    costly: hasSite(shape, 'weights.recurrent'),
    gates: shape.shared,
    gated: operandsByGate(shape),
  };
}

/** `operand_gradient` of the product that h_t enters at the step after; `t` counts that step. */
function stateGradientText(shape: Shape, t: string): string {
  return operandGradientText({
    gradient: `${sumsOf(shape)}[at.d_sums_next + row * ${shape.gates}u * at.units + c]`,
    weight: matrixAt(shape, 'weight', t, 'j', 'c'),
    costly: hasSite(shape, 'weights.recurrent'),
    gates: shape.shared,
    gated: operandsByGate(shape),
  });
}

/** `next_operand_gradient(thread, row0, unit0)`: of what h_t enters at the step after, zero after the last. */
export function nextGradientText(shape: Shape): string {
  const type = operandGradientType(shape);
  return `${stateGradientText(shape, '(at.t + 1u)')}

fn next_operand_gradient(thread: u32, row0: u32, unit0: u32) -> ${type} {
  if (at.has_next == 0u) { return ${type}(); }
  return operand_gradient(thread, row0, unit0);
}`;
}

export function operandGradientType(shape: Shape): 'f32' | 'vec4f' {
  return operandsByGate(shape) ? 'vec4f' : 'f32';
}

/** `recurrent_gradient(t, b, j, x, d)`: of h_{t-1} from that of what enters the products. */
function recurrentGradientText(shape: Shape): string {
  const text = operandsByGate(shape)
    ? `  var sum = 0.0;
  for (var g = 0u; g < at.gate_count; g++) { sum += back_recurrent(g, t, b, j, x, 0.0, d[g]).x; }
  return sum;`
    : '  return back_recurrent(t, b, j, x, 0.0, d).x;';
  return `
fn recurrent_gradient(t: u32, b: u32, j: u32, x: f32, d: ${operandGradientType(shape)}) -> f32 {
${text}
}`;
}

function constantsOf({ count }: Shape): Program['constants'] {
  const tables = ['values', 'gradients'].map((name) => [name, `array<vec4u, ${count}>`] as const);
  return [...stepFields.map((name) => [name, 'u32'] as const), ...(count > 0 ? tables : [])];
}

const read = (name: string): Binding => ({ name, access: 'read' });
const write = (name: string): Binding => ({ name, access: 'read_write' });

function lines(texts: readonly (string | false)[]): string {
  return texts.filter((text) => text !== false).join('\n');
}

/** A kernel that makes a step's state, or a part of the way there. */
export function forwardProgram(
  shape: Shape,
  inputs: readonly string[],
  sites: readonly SequenceSite[],
  text: string,
  main: string,
): Program {
  const recurrent = hasSite(shape, 'recurrent');
  const names = [...inputs, ...(shape.count > 0 ? ['values'] : [])];
  const outputs = ['memory', 'states', 'hidden', ...(recurrent ? ['operand'] : [])];
  const applied = new Set<SequenceSite>([...sites, ...perturbed, 'preactivation.recurrent']);
  const body = lines([
    valuesText(shape),
    activationsText,
    ...[...applied].map((site) => applyText(site, shape.chains)),
    recurrentTermText(shape),
    finishText(shape),
    text,
    mainText(main),
  ]);
  return { bindings: [...names.map(read), ...outputs.map(write)], constants: constantsOf(shape), body };
}

/** Sites that every kernel with a recurrent product may meet. */
const perturbed = ['hidden', 'recurrent', 'weights.recurrent', 'weights.candidate'] as const;

function valuesText({ count }: Shape): string | false {
  return count > 0 && valueText + gateValueText;
}

function gradientsText({ count }: Shape): string | false {
  return count > 0 && gradientText + gateGradientText;
}

/** Writes the operands of the recurrent product, one or one a gate. */
function storeOperandText(shape: Shape, place: string, t: string, x: string): string {
  const store = `operand[${place} + g * at.operand_gate + e] = ${applyOperand(shape, 'g', t, x)};`;
  return operandsByGate(shape)
    ? `  for (var g = 0u; g < at.gate_count; g++) { ${store} }`
    : `  ${store.replace(' + g * at.operand_gate', '')}`;
}

/** `recurrent_term(b, j, gate, x)`: the product as it enters the gate; kept where its site needs it backwards. */
function recurrentTermText(shape: Shape): string {
  const keep = hasSite(shape, 'preactivation.recurrent');
  return `
fn recurrent_term(b: u32, j: u32, gate: u32, x: f32) -> f32 {
  let column = gate * at.units + j;
${keep ? `  memory[at.sums + b * ${shape.gates}u * at.units + column] = x;` : ''}
  return apply_preactivation_recurrent(at.t, b, column, x, 0.0);
}`;
}

/** `finish(b, j, h)`: the site `hidden`, the state, and the operand of the next step. */
function finishText(shape: Shape): string {
  return `
fn finish(b: u32, j: u32, h: f32) {
  let e = b * at.units + j;
  let carried = apply_hidden(at.t, b, j, h, states[at.hidden_before + e]);
  states[at.hidden_after + e] = carried;
  hidden[at.hidden_out + e] = carried;
${
  hasSite(shape, 'recurrent')
    ? `  if (at.has_next != 0u) {\n${storeOperandText(shape, 'at.operand_next', 'at.t + 1u', 'carried')}\n  }`
    : ''
}
}`;
}

/** Perturbs the first state as it enters the first product; runs once. */
export function firstOperandProgram(shape: Shape): Program {
  const main = `
  if (b >= at.batch || j >= at.units) { return; }
  let e = b * at.units + j;
${storeOperandText(shape, 'at.operand', '0u', 'states[at.hidden_before + e]')}`;
  const body = lines([valuesText(shape), applyText('recurrent', shape.chains), mainText(main)]);
  return { bindings: [read('values'), read('states'), write('operand')], constants: constantsOf(shape), body };
}

/** A kernel that makes gradients of a step's products, or a part of them. */
export function backwardProgram(
  shape: Shape,
  inputs: readonly string[],
  sites: readonly SequenceSite[],
  text: string,
  main: string,
): Program {
  const names = [...inputs, ...(shape.count > 0 ? ['values'] : []), 'memory', 'states', 'dy'];
  const outputs = ['d_product', ...(shape.split ? ['d_sums'] : []), 'work'];
  const sums = hasSite(shape, 'preactivation.recurrent');
  const used = new Set<SequenceSite>([...sites, ...perturbed, ...(sums ? ['preactivation.recurrent' as const] : [])]);
  const body = lines([
    valuesText(shape),
    gradientsText(shape),
    ...[...used].map((site) => applyText(site, shape.chains)),
    ...[...used].filter((site) => !site.startsWith('weights.')).map((site) => backText(site, shape.chains)),
    recurrentGradientText(shape),
    incomingText(shape),
    storeText(shape, sums),
    text,
    mainText(main),
  ]);
  return { bindings: [...names.map(read), ...outputs.map(write)], constants: constantsOf(shape), body };
}

/** Where the gradients of the recurrent products lie. */
export function sumsOf({ split }: Shape): string {
  return split ? 'd_sums' : 'd_product';
}

/** `incoming(b, j, d_operand)`: gradient of h_t after its site. */
function incomingText(shape: Shape): string {
  return `
fn incoming(b: u32, j: u32, d_operand: ${operandGradientType(shape)}) -> f32 {
  let e = b * at.units + j;
  var d = dy[at.hidden_out + e] + work[at.d_previous + e];
  if (at.has_next != 0u) { d += recurrent_gradient(at.t + 1u, b, j, states[at.hidden_after + e], d_operand); }
  return d;
}`;
}

/** `store(b, j, gate, d, d_recurrent)`: gradients of the input product and of the recurrent one. */
function storeText({ gates, split }: Shape, sums: boolean): string {
  const before = sums
    ? 'back_preactivation_recurrent(at.t, b, column, memory[at.sums + row + column], 0.0, d_recurrent).x'
    : 'd_recurrent';
  return `
fn store(b: u32, j: u32, gate: u32, d: f32, d_recurrent: f32) {
  let column = gate * at.units + j;
  let row = b * ${gates}u * at.units;
  d_product[at.product + row + column] = d;
${split ? `  d_sums[at.d_sums + row + column] = ${before};` : ''}
}`;
}

/** The gradient of the first state, in `work` at `d_previous`; runs last. */
export function firstStateProgram(shape: Shape): Program {
  const main = `
  let d_operand = operand_gradient(thread, row0, unit0);
  if (b >= at.batch || j >= at.units) { return; }
  let e = b * at.units + j;
  work[at.d_previous + e] += recurrent_gradient(0u, b, j, states[e], d_operand);`;
  const names = ['weight', ...(shape.count > 0 ? ['values'] : []), 'states', sumsOf(shape)];
  const body = lines([
    valuesText(shape),
    gradientsText(shape),
    applyText('weights.recurrent', shape.chains),
    backText('recurrent', shape.chains),
    recurrentGradientText(shape),
    stateGradientText(shape, '0u'),
    mainText(main),
  ]);
  return { bindings: [...names.map(read), write('work')], constants: constantsOf(shape), body };
}
