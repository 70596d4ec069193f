import type { FusedSequence, FusedSequenceRequest } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { Commands, Made } from '../commands.js';
import type { Buffers, Kernel, Pipelines, Program } from '../pipelines.js';
import { gruPrograms } from '../wgsl/gru.js';
import { lstmPrograms } from '../wgsl/lstm.js';
import { tileRows, tileUnits } from '../wgsl/products.js';
import { rnnPrograms } from '../wgsl/rnn.js';
import { type CellPrograms, firstOperandProgram, firstStateProgram, hasSite } from '../wgsl/step.js';
import { layoutKey, layoutOf, type SequenceLayout } from './layout.js';
import { matrixGradient, type RecurrentProducts, valueGradients } from './sequence-weights.js';
import { sumTo } from './stepped-matrix.js';
import { noSecondDerivative, tie } from './tape.js';

/** A layout with what was made for it on the device. */
interface Plan {
  readonly layout: SequenceLayout;
  readonly constants: GPUBuffer;
  readonly forward: readonly Kernel[];
  readonly backward: readonly Kernel[];
  readonly firstOperand: Kernel | undefined;
  readonly firstState: Kernel;
}

/** Recurrent weights by their part in the equations. */
interface Weights {
  readonly weight: tf.Tensor;
  /** gru-before: the matrix of the candidate. */
  readonly candidate: tf.Tensor | undefined;
  /** gru-after. */
  readonly bias: tf.Tensor | undefined;
}

/** What a forward pass leaves: its result, the state, and what the backward pass reads. */
interface Forward {
  readonly hidden: tf.Tensor;
  readonly last: Readonly<Record<string, Made>>;
  readonly memory: tf.Tensor;
  readonly states: tf.Tensor;
  readonly operand: tf.Tensor | undefined;
}

/** What the gradients of values at the weights need once the backward pass was. */
interface Later {
  readonly products: RecurrentProducts;
  readonly weights: Weights;
}

/** Plans kept; minibatches come in few sizes. */
const mostPlans = 64;

/**
 * `FusedKernels.sequence` on the GPU: a kernel a step and layer forward, and backward; two for a GRU whose reset gate acts before the
 * product. Kernels, constants and the order of steps are made once for each size. One command buffer holds a sequence.
 *
 * A sequence that needs more memory than one binding may have is left to the composed path. Errors: RNNX_OPTION_INVALID where
 * a second derivative is asked for.
 */
export class Sequences {
  readonly #plans = new Map<string, Plan>();

  constructor(
    readonly commands: Commands,
    readonly pipelines: Pipelines,
  ) {}

  run(given: FusedSequenceRequest): FusedSequence | undefined {
    const training = tf.engine().isTapeOn();
    const request = this.#asFloats(given);
    const plan = this.#plan(request, training);
    if (plan === undefined) return undefined;
    if (!training) {
      const { hidden, last, memory, states, operand } = this.#forward(plan, request);
      tf.dispose([memory, states, ...(operand ? [operand] : [])]);
      return { hidden: hidden as tf.Tensor3D, state: this.#toTensors(last) };
    }
    const parts = weightsOf(request);
    const weights = [parts.weight, parts.candidate, parts.bias].filter((tensor) => tensor !== undefined);
    const firsts = request.cell.kind === 'lstm' ? [request.state.h!, request.state.c!] : [request.state.h!];
    const values = request.perturbations.map(({ value }) => value);
    const atWeights = (_: unknown, i: number) => plan.layout.places[i]!.gradientShape === undefined;
    let later: Later | undefined;
    // Values at the weights are as large as all steps' weights: their gradients are worked out only where tfjs asks for them.
    const ties = tie(values.filter(atWeights), () => valueGradients(this, later!.products, { ...later!.weights }));
    let last: Readonly<Record<string, Made>> = {};
    const hidden = tf.customGrad((...inputs) => {
      const save = inputs.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
      const run = this.#forward(plan, request);
      last = run.last; // tensors only outside: those made in here go at the end
      save([run.memory, run.states, ...(run.operand ? [run.operand] : []), ...weights, ...values]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
        if (tf.engine().isTapeOn()) throw noSecondDerivative('sequence');
        const rest = [...saved];
        const take = (wanted: unknown) => (wanted === undefined ? undefined : rest.shift()!);
        const again: Forward = { ...run, memory: rest.shift()!, states: rest.shift()!, operand: take(run.operand) };
        const theirs = { weight: rest.shift()!, candidate: take(parts.candidate), bias: take(parts.bias) };
        const { gradients, sums } = this.#backward(plan, again, theirs, rest, this.commands.asFloats(dy));
        if (ties.length > 0) {
          const { memory, states, operand } = again;
          const kept = tf.keep(sums.clone());
          const products = { layout: plan.layout, memory, states, operand, sums: kept, values: rest };
          later = { products, weights: theirs };
          // The ties' gradients come later within this backward pass, which is synchronous, or not at all.
          queueMicrotask(() => kept.dispose());
        }
        if (!gradients.includes(sums)) sums.dispose();
        return [...gradients, ...ties.map(() => tf.scalar(0))];
      };
      return { value: run.hidden, gradFunc: gradFunc as never };
    })(
      request.product,
      ...firsts,
      ...weights,
      ...values.filter((value, i) => !atWeights(value, i)),
      ...ties,
    ) as tf.Tensor3D;
    return { hidden, state: this.#toTensors(last) };
  }

  #toTensors(made: Readonly<Record<string, Made>>): Record<string, tf.Tensor2D> {
    const tensor = (each: Made) => this.commands.toTensor(each) as tf.Tensor2D;
    return Object.fromEntries(Object.entries(made).map(([name, each]) => [name, tensor(each)]));
  }

  #asFloats(request: FusedSequenceRequest): FusedSequenceRequest {
    const all = <T extends tf.Tensor>(tensors: Readonly<Record<string, T>>) =>
      Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, this.commands.asFloats(tensor)]));
    return {
      cell: request.cell,
      product: this.commands.asFloats(request.product),
      weights: all(request.weights),
      state: all(request.state),
      perturbations: request.perturbations.map((each) => ({ ...each, value: this.commands.asFloats(each.value) })),
    };
  }

  #plan(request: FusedSequenceRequest, training: boolean): Plan | undefined {
    const key = layoutKey(request, training);
    const known = this.#plans.get(key);
    if (known !== undefined) {
      this.#plans.delete(key);
      this.#plans.set(key, known); // the last used is the last to go
      return known;
    }
    const layout = layoutOf(request, training);
    const [, , columns] = request.product.shape;
    const ofWeights = layout.places.map((place) => (place.gradientShape === undefined ? place.largest : 0));
    const largest = Math.max(
      layout.memory,
      layout.work,
      layout.values,
      layout.operands[0] * layout.operands[1] * layout.batch * layout.units,
      layout.steps * layout.batch * columns,
      ...ofWeights,
    );
    if (largest > this.commands.mostNumbers) return undefined;
    const plan = this.#make(request, layout);
    this.#plans.set(key, plan);
    if (this.#plans.size > mostPlans) {
      const [oldest, { constants }] = this.#plans.entries().next().value!;
      this.#plans.delete(oldest);
      constants.destroy();
    }
    return plan;
  }

  #make({ cell }: FusedSequenceRequest, layout: SequenceLayout): Plan {
    const { shape } = layout;
    const name = cell.kind === 'rnn' ? `rnn-${cell.activation}` : cell.kind;
    const text = `${name} ${shape.count} ${JSON.stringify(shape.chains)}`;
    const kernel = (what: string, program: () => Program) => this.pipelines.get(`${text} ${what}`, program);
    let made: CellPrograms | undefined;
    const programs = () => {
      made ??=
        cell.kind === 'lstm'
          ? lstmPrograms(shape)
          : cell.kind === 'rnn'
            ? rnnPrograms(shape, cell.activation)
            : gruPrograms(shape, cell.kind === 'gru-after' ? 'after' : 'before');
      return made;
    };
    const parts = cell.kind === 'gru-before' ? [0, 1] : [0];
    return {
      layout,
      constants: this.commands.constants(layout.records),
      forward: parts.map((i) => kernel(`forward ${i}`, () => programs().forward[i]!)),
      backward: parts.map((i) => kernel(`backward ${i}`, () => programs().backward[i]!)),
      firstOperand: hasSite(shape, 'recurrent') ? kernel('first operand', () => firstOperandProgram(shape)) : undefined,
      firstState: kernel('first state', () => firstStateProgram(shape)),
    };
  }

  #forward({ layout, constants, forward, firstOperand }: Plan, request: FusedSequenceRequest): Forward {
    const { commands } = this;
    const { steps, batch, units } = layout;
    const element = batch * units;
    const { weight, candidate, bias } = weightsOf(request);
    const { h, c } = request.state;
    const [hidden, states] = [commands.make([steps, batch, units]), commands.make([layout.slots, batch, units])];
    const memory = commands.make([layout.memory]);
    const operand = firstOperand && commands.make([...layout.operands, batch, units]);
    const buffers: Buffers = {
      weight: commands.buffer(weight),
      candidate: candidate && commands.buffer(candidate),
      bias: bias && commands.buffer(bias),
      product: commands.buffer(request.product),
      values: this.#values(
        layout,
        request.perturbations.map(({ value }) => value),
      ),
      memory: memory.buffer,
      states: states.buffer,
      hidden: hidden.buffer,
      operand: operand?.buffer,
    };
    commands.copy(commands.buffer(h!), 0, states.buffer, 0, element);
    if (c !== undefined) commands.copy(commands.buffer(c), 0, memory.buffer, layout.cells, element);
    const run = this.#runner(layout, constants, buffers);
    if (firstOperand) run([firstOperand], [0]);
    run(forward, [...Array(steps).keys()]);
    const last: Record<string, Made> = { h: commands.make([batch, units]) };
    commands.copy(states.buffer, layout.lastHidden, last.h!.buffer, 0, element);
    if (c !== undefined) {
      last.c = commands.make([batch, units]);
      commands.copy(memory.buffer, layout.lastCell, last.c.buffer, 0, element);
    }
    commands.recorded(forward.length * steps + (firstOperand ? 1 : 0));
    return {
      hidden: commands.toTensor(hidden),
      memory: commands.toTensor(memory),
      states: commands.toTensor(states),
      operand: operand && commands.toTensor(operand),
      last,
    };
  }

  /** Gradients of product, state, weights and, but for those at the weights, values, in this order; and of the recurrent products. */
  #backward(plan: Plan, run: Forward, weights: Weights, values: readonly tf.Tensor[], dy: tf.Tensor) {
    const { commands } = this;
    const { layout, constants } = plan;
    const { steps, batch, units, shape } = layout;
    const product = commands.make([steps, batch, shape.gates * units]);
    const sums = shape.split ? commands.make(product.info.shape) : undefined;
    const work = commands.scratch(layout.work);
    const buffers: Buffers = {
      weight: commands.buffer(weights.weight),
      candidate: weights.candidate && commands.buffer(weights.candidate),
      values: this.#values(layout, values),
      memory: commands.buffer(run.memory),
      states: commands.buffer(run.states),
      dy: commands.buffer(dy),
      d_product: product.buffer,
      d_sums: sums?.buffer,
      work,
    };
    commands.clear(work);
    const play = this.#runner(layout, constants, buffers);
    play(plan.backward, [...Array(steps).keys()].reverse());
    play([plan.firstState], [steps]);
    const part = (start: number, wanted: readonly number[]) => {
      const made = commands.make(wanted);
      commands.copy(work, start, made.buffer, 0, tf.util.sizeFromShape([...wanted]));
      return commands.toTensor(made);
    };
    const first = [part(layout.dPrevious, [batch, units])];
    if (run.last.c !== undefined) first.push(part(layout.dCell, [batch, units]));
    const bias = weights.bias && part(layout.dBias, [batch, units]);
    const parts = layout.places.flatMap(({ shape, gradientStart, gradientShape }) => {
      if (gradientShape === undefined) return [];
      const whole = part(gradientStart, gradientShape);
      const summed = sumTo(shape, whole);
      if (summed !== whole) whole.dispose();
      return [summed];
    });
    commands.recorded(plan.backward.length * steps + 1);

    const dProduct = commands.toTensor(product);
    const dSums = sums ? commands.toTensor(sums) : dProduct;
    const { memory, states, operand } = run;
    const products = { layout, memory, states, operand, sums: dSums, values };
    const matrices = [matrixGradient(this, 'weight', products, weights.weight)];
    if (weights.candidate) matrices.push(matrixGradient(this, 'candidate', products, weights.candidate));
    const dWeights = bias === undefined ? matrices : [...matrices, tf.sum(bias, 0)];
    bias?.dispose();
    return { gradients: [dProduct, ...first, ...dWeights, ...parts], sums: dSums };
  }

  /** All values side by side. */
  #values(layout: SequenceLayout, values: readonly tf.Tensor[]): GPUBuffer | undefined {
    if (values.length === 0) return undefined;
    if (values.length === 1) return this.commands.buffer(values[0]!);
    const all = this.commands.scratch(layout.values);
    for (const [i, { start, size }] of layout.places.entries())
      this.commands.copy(this.commands.buffer(values[i]!), 0, all, start, size);
    return all;
  }

  /** Records kernels in turn at each of the given records. */
  #runner({ batch, units, stride, recordBytes }: SequenceLayout, constants: GPUBuffer, buffers: Buffers) {
    const [across, down] = [Math.ceil(units / tileUnits), Math.ceil(batch / tileRows)];
    return (kernels: readonly Kernel[], records: readonly number[]): void => {
      const pass = this.commands.pass();
      const groups = kernels.map((kernel) => this.pipelines.bind(kernel, constants, recordBytes, buffers));
      if (kernels.length === 1) pass.setPipeline(kernels[0]!.pipeline);
      for (const record of records)
        for (const [i, { pipeline }] of kernels.entries()) {
          if (kernels.length > 1) pass.setPipeline(pipeline);
          pass.setBindGroup(0, groups[i]!, [record * stride]);
          pass.dispatchWorkgroups(across, down);
        }
    };
  }
}

function weightsOf({ cell, weights }: FusedSequenceRequest): Weights {
  if (cell.kind === 'gru-before')
    return { weight: weights[cell.recurrentGates]!, candidate: weights[cell.recurrentCandidate]!, bias: undefined };
  const bias = cell.kind === 'gru-after' ? weights[cell.recurrentBias]! : undefined;
  return { weight: weights[cell.recurrent]!, candidate: undefined, bias };
}
