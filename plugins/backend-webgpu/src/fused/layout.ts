import type { FusedPerturbation, FusedSequenceRequest } from '@rnnx/core';
import { type ChainItem, type Chains, isGated, type SequenceSite } from '../wgsl/chains.js';
import { hasSite, type Shape, type StepNumbers, stepFields } from '../wgsl/step.js';

/** A perturbation's place among the values and among the gradients, in floats. */
export interface Place {
  readonly site: SequenceSite;
  /** Of the value as the caller gave it. */
  readonly shape: readonly number[];
  readonly start: number;
  readonly size: number;
  /**
   * Of its gradient before what was broadcast is summed: `[1|T, B, N]`, or by gate `[1|T, B, G, N]`. None for values at weights,
   * which are as large as all steps' weights.
   */
  readonly gradientShape: readonly number[] | undefined;
  readonly gradientStart: number;
  /** Of values at weights: numbers of their gradient before what was broadcast is summed. */
  readonly largest: number;
}

/** All that depends on the sizes of a sequence and not on its numbers. */
export interface SequenceLayout {
  /** Tells this layout from every other. */
  readonly key: string;
  readonly shape: Shape;
  readonly steps: number;
  readonly batch: number;
  readonly units: number;
  /** Floats of what a forward pass keeps besides the hidden states; of which `cells`, `reset` where they are. */
  readonly memory: number;
  readonly cells: number;
  readonly reset: number;
  /** Hidden states kept: T + 1, or two that take turns. */
  readonly slots: number;
  /** Operands that are perturbed copies of them: one or one a gate, and how many of each. */
  readonly operands: readonly [gates: number, slots: number];
  readonly places: readonly Place[];
  readonly values: number;
  /** Floats that the backward pass works in: gradients of values first. */
  readonly work: number;
  readonly dPrevious: number;
  readonly dCell: number;
  readonly dBias: number;
  /** One record a step and one for what comes before the first, `recordBytes` apart. */
  readonly records: Uint32Array<ArrayBuffer>;
  /** Bytes from a record to the next, and those of them that are used. */
  readonly stride: number;
  readonly recordBytes: number;
  /** Hidden and cell states after the last step, as places in the hidden states and the memory. */
  readonly lastHidden: number;
  readonly lastCell: number;
}

/** Offsets of dynamic uniform bindings are multiples of this everywhere. */
const offsetAlignment = 256;

const gateCounts = { lstm: 4, 'gru-after': 3, 'gru-before': 3, rnn: 1 } as const;

/** Identifies a layout without making it. */
export function layoutKey({ cell, product, state, perturbations }: FusedSequenceRequest, training: boolean): string {
  const items = perturbations.map(({ site, weight, kind, value }) => `${site} ${weight} ${kind} ${value.shape}`);
  const kind = cell.kind === 'rnn' ? `rnn-${cell.activation}` : cell.kind;
  return [kind, training ? 'train' : 'score', product.shape, state.h!.shape[1], ...items].join('|');
}

/** @param training whether everything is kept that the backward pass needs */
export function layoutOf(request: FusedSequenceRequest, training: boolean): SequenceLayout {
  const { cell, product, state, perturbations } = request;
  const [steps, batch] = product.shape;
  const units = state.h!.shape[1];
  const gates = gateCounts[cell.kind];
  const element = batch * units;
  const sites = perturbations.map((each) => siteOf(each, cell));
  const shape: Shape = {
    chains: chainsOf(perturbations, sites),
    count: perturbations.length,
    gates,
    shared: cell.kind === 'gru-before' ? 2 : gates,
    split: cell.kind === 'gru-after' || perturbations.some(({ site }) => site === 'preactivation.recurrent'),
  };

  let memory = 0;
  const place = (needed: boolean, size: number): number => {
    const start = memory;
    if (needed) memory += size;
    return start;
  };
  const kept = training ? steps : 1;
  const slots = training ? steps + 1 : 2;
  const operandSlots = Math.max(slots - 1, 2);
  const lstm = cell.kind === 'lstm';
  const gateColumns = cell.kind === 'gru-after' ? 4 : gates;
  const gateStart = place(true, kept * gateColumns * element);
  const cells = place(lstm, slots * element);
  const cellNext = place(lstm && hasSite(shape, 'cell'), kept * element);
  const readout = place(lstm, kept * element);
  const sums = place(hasSite(shape, 'preactivation.recurrent'), kept * gates * element);
  const reset = place(cell.kind === 'gru-before', kept * element);

  let [values, work] = [0, 0];
  const places = perturbations.map(({ value }, i): Place => {
    const site = sites[i]!;
    const columns = site === 'preactivation.recurrent' ? gates * units : units;
    const ofSteps = value.rank >= 3 ? value.shape[0]! : 1;
    const all = value.rank === 4 ? [ofSteps, batch, value.shape[2]!, columns] : [ofSteps, batch, columns];
    const gradientShape = site.startsWith('weights.') ? undefined : all;
    const largest = ofSteps * units * (site === 'weights.recurrent' ? shape.shared : 1) * units;
    const made = {
      site,
      shape: value.shape,
      start: values,
      size: value.size,
      gradientShape,
      gradientStart: work,
      largest,
    };
    values += value.size;
    if (gradientShape !== undefined) work += sizeOf(gradientShape);
    return made;
  });
  const [dPrevious, dCell, dBias] = [work, work + element, work + 2 * element];

  const slot = (t: number) => (training ? t : t % slots);
  const step = (t: number) => (training ? t : 0);
  const columns = gates * element;
  const numbersAt = (t: number): StepNumbers => ({
    batch,
    units,
    t,
    has_next: t + 1 < steps ? 1 : 0,
    product: t * columns,
    hidden_out: t * element,
    operand: slot(t) * element,
    operand_next: slot(t + 1) * element,
    operand_gate: operandSlots * element,
    gate_count: shape.shared,
    hidden_before: slot(t) * element,
    hidden_after: slot(t + 1) * element,
    gates: gateStart + step(t) * gateColumns * element,
    cell_before: cells + slot(t) * element,
    cell_after: cells + slot(t + 1) * element,
    cell_next: cellNext + step(t) * element,
    readout: readout + step(t) * element,
    sums: sums + step(t) * columns,
    reset: reset + step(t) * element,
    d_sums: t * columns,
    d_sums_next: (t + 1) * columns,
    d_previous: dPrevious,
    d_cell: dCell,
    d_bias: dBias,
  });

  const tableStart = Math.ceil(stepFields.length / 4) * 4;
  const words = tableStart + 8 * places.length;
  const stride = Math.ceil((words * 4) / offsetAlignment) * offsetAlignment;
  const records = new Uint32Array((stride / 4) * (steps + 1));
  const tables = [...places.map(valueRow), ...places.map(gradientRow)].flat();
  for (let t = 0; t <= steps; t++) {
    // The last record is that of "step -1", whose product is the first one's.
    const numbers = t < steps ? numbersAt(t) : { ...numbersAt(0), d_sums_next: 0 };
    const start = (t * stride) / 4;
    records.set(
      stepFields.map((name) => numbers[name]),
      start,
    );
    records.set(tables, start + tableStart);
  }
  return {
    key: layoutKey(request, training),
    shape,
    steps,
    batch,
    units,
    memory,
    cells,
    reset,
    slots,
    operands: [isGated('recurrent', shape.chains) ? shape.shared : 1, operandSlots],
    places,
    values,
    work: work + 3 * element,
    dPrevious,
    dCell,
    dBias,
    records,
    stride,
    recordBytes: Math.ceil(words / 4) * 16,
    lastHidden: slot(steps) * element,
    lastCell: cells + slot(steps) * element,
  };
}

function siteOf({ site, weight }: FusedPerturbation, cell: FusedSequenceRequest['cell']): SequenceSite {
  const ofCandidate = cell.kind === 'gru-before' && weight === cell.recurrentCandidate;
  return site === 'weights.recurrent' && ofCandidate ? 'weights.candidate' : site;
}

function chainsOf(perturbations: readonly FusedPerturbation[], sites: readonly SequenceSite[]): Chains {
  const chains: Partial<Record<SequenceSite, ChainItem[]>> = {};
  for (const [index, { kind, value }] of perturbations.entries()) {
    const site = sites[index]!;
    chains[site] ??= [];
    chains[site].push({ kind, index, ...(value.rank === 4 && { gated: true }) });
  }
  return chains;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** Start and strides of steps, examples and columns; of a matrix its rows in place of examples. Gates follow from the last. */
export function valueRow({ shape, start }: Pick<Place, 'shape' | 'start'>): number[] {
  const whole = shape.length < 3 ? [1, ...shape] : shape;
  const [steps = 1, batch = 1] = whole;
  const columns = whole.length < 3 ? 1 : whole.at(-1)!;
  const example = whole.length === 4 ? whole[2]! * columns : columns;
  return [start, steps > 1 ? batch * example : 0, batch > 1 ? example : 0, columns > 1 ? 1 : 0];
}

function gradientRow({ gradientStart, gradientShape }: Place): number[] {
  if (gradientShape === undefined) return [0, 0, 0, 0];
  const [steps, batch, ...rest] = gradientShape as [number, number, ...number[]];
  const example = sizeOf(rest);
  return [gradientStart, steps > 1 ? batch * example : 0, example, 1];
}
