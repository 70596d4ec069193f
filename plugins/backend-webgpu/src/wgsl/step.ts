import type { Binding, Program } from '../pipelines.js';
import { applyText, backText, type Chains, gradientText, type SequenceSite, valueText } from './chains.js';
import { activationsText, mainText, operandGradientText } from './products.js';

/** What the text of a sequence's kernels depends on. */
export interface Shape {
  readonly chains: Chains;
  /** Perturbations in all. */
  readonly count: number;
  /** Side by side in the input product. */
  readonly gates: number;
  /** The gradients of the recurrent products are not those of the input product. */
  readonly split: boolean;
}

/** The kernels of a cell, in the order in which they run at a step. */
export interface CellPrograms {
  readonly forward: readonly Program[];
  readonly backward: readonly Program[];
}

/** Numbers of one step; all but the first four are places in a buffer, in floats. */
export const stepFields = [
  'batch',
  'units',
  't',
  'has_next',
  'product',
  'hidden_out',
  'operand',
  'operand_next',
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
  const applied = new Set<SequenceSite>([...sites, 'preactivation.recurrent', 'hidden', 'recurrent']);
  const body = lines([
    shape.count > 0 && valueText,
    activationsText,
    ...[...applied].map((site) => applyText(site, shape.chains)),
    recurrentTermText(shape),
    finishText(recurrent),
    text,
    mainText(main),
  ]);
  return { bindings: [...names.map(read), ...outputs.map(write)], constants: constantsOf(shape), body };
}

/** The operand of the recurrent product at (row, k). */
export function operandOf(shape: Shape): string {
  return hasSite(shape, 'recurrent')
    ? 'operand[at.operand + row * at.units + k]'
    : 'states[at.hidden_before + row * at.units + k]';
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
function finishText(recurrent: boolean): string {
  return `
fn finish(b: u32, j: u32, h: f32) {
  let e = b * at.units + j;
  let carried = apply_hidden(at.t, b, j, h, states[at.hidden_before + e]);
  states[at.hidden_after + e] = carried;
  hidden[at.hidden_out + e] = carried;
${
  recurrent
    ? '  if (at.has_next != 0u) { operand[at.operand_next + e] = apply_recurrent(at.t + 1u, b, j, carried, 0.0); }'
    : ''
}
}`;
}

/** Perturbs the first state as it enters the first product; runs once. */
export function firstOperandProgram(shape: Shape): Program {
  const main = `
  if (b >= at.batch || j >= at.units) { return; }
  let e = b * at.units + j;
  operand[at.operand + e] = apply_recurrent(0u, b, j, states[at.hidden_before + e], 0.0);`;
  const body = lines([valueText, applyText('recurrent', shape.chains), mainText(main)]);
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
  const used = new Set<SequenceSite>([
    ...sites,
    'recurrent',
    'hidden',
    ...(sums ? ['preactivation.recurrent' as const] : []),
  ]);
  const body = lines([
    shape.count > 0 && valueText,
    shape.count > 0 && gradientText,
    ...[...used].map((site) => applyText(site, shape.chains)),
    ...[...used].map((site) => backText(site, shape.chains)),
    incomingText,
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
const incomingText = `
fn incoming(b: u32, j: u32, d_operand: f32) -> f32 {
  let e = b * at.units + j;
  var d = dy[at.hidden_out + e] + work[at.d_previous + e];
  if (at.has_next != 0u) { d += back_recurrent(at.t + 1u, b, j, states[at.hidden_after + e], 0.0, d_operand).x; }
  return d;
}`;

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
export function firstStateProgram(shape: Shape, columns: number): Program {
  const gradient = `${sumsOf(shape)}[at.d_sums_next + row * ${shape.gates}u * at.units + c]`;
  const main = `
  let d_operand = operand_gradient(thread, row0, unit0);
  if (b >= at.batch || j >= at.units) { return; }
  let e = b * at.units + j;
  work[at.d_previous + e] += back_recurrent(0u, b, j, states[e], 0.0, d_operand).x;`;
  const names = ['weight', ...(shape.count > 0 ? ['values'] : []), 'states', sumsOf(shape)];
  const body = lines([
    shape.count > 0 && valueText,
    shape.count > 0 && gradientText,
    backText('recurrent', shape.chains),
    operandGradientText(gradient, 'weight', `(${columns}u * at.units)`),
    mainText(main),
  ]);
  return { bindings: [...names.map(read), write('work')], constants: constantsOf(shape), body };
}
