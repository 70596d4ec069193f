import type { FusedSequence, Normalization, NormalizedSequenceRequest } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { Commands } from '../commands.js';
import type { Buffers, Kernel, Pipelines } from '../pipelines.js';
import {
  epsilonFields,
  type NormalizedShape,
  normalizedBackwardProgram,
  normalizedFields,
  normalizedFirstProgram,
  normalizedForwardProgram,
  totals,
} from '../wgsl/normalized.js';
import { columnsTogether, inputGradientProgram, inputStatisticsProgram } from '../wgsl/normalized-input.js';
import { tileRows, tileUnits } from '../wgsl/products.js';
import { noSecondDerivative } from './tape.js';

/** What a request normalises. */
type Norms = readonly [input: Normalization, recurrent: Normalization, readout: Normalization];

/** What the kernels read besides the products, in this order; and the mask, which has no gradient. */
interface Parameters {
  readonly recurrent: tf.Tensor;
  readonly bias: tf.Tensor;
  readonly gammas: readonly tf.Tensor[];
  readonly beta: tf.Tensor;
}

/** All that depends on the sizes and kinds of a request. */
interface Plan {
  readonly shape: NormalizedShape;
  readonly steps: number;
  readonly batch: number;
  readonly units: number;
  /** Places in the memory. */
  readonly cells: number;
  readonly lastCell: number;
  readonly means: readonly number[];
  readonly variances: readonly number[];
  readonly memory: number;
  /** Places in what the backward pass works in. */
  readonly dReadout: number;
  readonly totals: number;
  readonly work: number;
  readonly constants: GPUBuffer;
  readonly stride: number;
  readonly recordBytes: number;
  readonly kernels: Readonly<Record<'statistics' | 'forward' | 'backward' | 'first' | 'input', Kernel>>;
}

interface Forward {
  readonly hidden: tf.Tensor;
  readonly memory: tf.Tensor;
  readonly states: tf.Tensor;
}

const mostPlans = 32;
/** Offsets of dynamic uniform bindings are multiples of this everywhere. */
const offsetAlignment = 256;

/**
 * `FusedKernels.normalizedSequence` on the GPU: the LSTM with both products and the readout normalised, all by the minibatch's
 * statistics or all by a population's, under one mask. A workgroup has all examples of its units, so that a step is one kernel
 * forward and one backward; statistics and gradients of the input product are one kernel each for all steps. Other requests,
 * and those that need more memory than one binding may have, are left to the composed path.
 *
 * Errors: RNNX_OPTION_INVALID where a second derivative is asked for.
 */
export class NormalizedSequences {
  readonly #plans = new Map<string, Plan>();

  constructor(
    private readonly commands: Commands,
    private readonly pipelines: Pipelines,
  ) {}

  run(request: NormalizedSequenceRequest): FusedSequence | undefined {
    const norms = normsOf(request);
    if (norms === undefined) return undefined;
    const plan = this.#plan(request, norms);
    if (plan === undefined) return undefined;
    const product = this.commands.asFloats(request.product);
    const [h, c] = [this.commands.asFloats(request.state.h!), this.commands.asFloats(request.state.c!)];
    const of = parametersOf(request, norms, (tensor) => this.commands.asFloats(tensor));
    let left: Forward | undefined;
    const finish = (hidden: tf.Tensor, { memory }: Forward) => {
      this.#observe(plan, norms, memory);
      const element = plan.batch * plan.units;
      const lastH = tf.reshape(tf.slice(hidden, [plan.steps - 1, 0, 0], [1, -1, -1]), [plan.batch, plan.units]);
      const lastC = this.#part(this.commands.buffer(memory), plan.lastCell, [plan.batch, plan.units], element);
      return { hidden: hidden as tf.Tensor3D, state: { h: lastH as tf.Tensor2D, c: lastC as tf.Tensor2D } };
    };
    if (!tf.engine().isTapeOn()) {
      const run = this.#forward(plan, norms, product, h, c, of);
      const result = finish(run.hidden, run);
      tf.dispose([run.memory, run.states]);
      return result;
    }
    const hidden = tf.customGrad((...inputs) => {
      const save = inputs.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
      const run = this.#forward(plan, norms, product, h, c, of);
      left = { ...run, memory: tf.keep(run.memory.clone()) };
      save([product, run.memory, run.states, of.recurrent, of.bias, of.beta, ...of.gammas]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
        if (tf.engine().isTapeOn()) throw noSecondDerivative('batch-normalised sequence');
        const [x, memory, states, recurrent, bias, beta, ...gammas] = saved as [
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
          ...tf.Tensor[],
        ];
        const again = { recurrent, bias, beta, gammas };
        return this.#backward(plan, norms, x, { memory, states }, again, this.commands.asFloats(dy));
      };
      return { value: run.hidden, gradFunc: gradFunc as never };
    })(product, of.recurrent, h, c, of.bias, ...of.gammas, of.beta) as tf.Tensor3D;
    const result = finish(hidden, left!);
    left!.memory.dispose();
    return result;
  }

  #plan(request: NormalizedSequenceRequest, norms: Norms): Plan | undefined {
    const [steps, batch, columns] = request.product.shape;
    const units = request.state.h!.shape[1];
    const given = norms.map(({ statistics }) => (statistics === undefined ? 0 : statistics.mean.shape[0]!));
    const masked = norms[0].mask !== undefined;
    const epsilons = norms.map(({ epsilon }) => epsilon);
    const training = tf.engine().isTapeOn();
    const key = [steps, batch, units, given, masked, epsilons, training].join('|');
    const known = this.#plans.get(key);
    if (known !== undefined) {
      this.#plans.delete(key);
      this.#plans.set(key, known); // the last used is the last to go
      return known;
    }
    const element = batch * units;
    const kept = training ? steps : 1;
    const step = (t: number) => (training ? t : 0);
    const slot = (t: number) => (training ? t : t % 2);
    const cells = kept * 4 * element;
    let memory = cells + (kept + 1) * element;
    const widths = [4 * units, 4 * units, units];
    const take = (size: number) => {
      memory += size;
      return memory - size;
    };
    const rows = given.map((count) => (count === 0 ? steps : count));
    const means = widths.map((width, k) => take(rows[k]! * width));
    const variances = widths.map((width, k) => take(rows[k]! * width));
    const [dReadout, totalsStart] = [element, 2 * element];
    const work = totalsStart + steps * totals.all * units;
    const most = this.commands.device.limits.maxComputeWorkgroupsPerDimension;
    if (Math.max(memory, work, steps * batch * columns) > this.commands.mostNumbers || steps > most) return undefined;

    const words = normalizedFields.length + epsilonFields.length;
    const stride = Math.ceil((words * 4) / offsetAlignment) * offsetAlignment;
    const records = new Uint32Array((stride / 4) * (steps + 1));
    for (let t = 0; t <= steps; t++) {
      const at = t < steps ? t : 0;
      const statistics = (places: readonly number[], k: number) => places[k]! + (rows[k] === 1 ? 0 : at * widths[k]!);
      const numbers: Record<(typeof normalizedFields)[number], number> = {
        batch,
        units,
        has_next: t + 1 < steps ? 1 : 0,
        product: at * 4 * element,
        hidden_out: at * element,
        hidden_before: at * element,
        hidden_after: (at + 1) * element,
        cell_before: cells + slot(at) * element,
        cell_after: cells + slot(at + 1) * element,
        sums: step(at) * 4 * element,
        d_sums: at * 4 * element,
        d_sums_next: t < steps ? (t + 1) * 4 * element : 0, // the last record is that of "step -1"
        input_mean: statistics(means, 0),
        input_variance: statistics(variances, 0),
        recurrent_mean: statistics(means, 1),
        recurrent_variance: statistics(variances, 1),
        readout_mean: statistics(means, 2),
        readout_variance: statistics(variances, 2),
        mask: 14 * units + at * batch,
        d_cell: 0,
        d_readout: dReadout,
        totals: totalsStart + at * totals.all * units,
      };
      const start = (t * stride) / 4;
      records.set(
        normalizedFields.map((name) => numbers[name]),
        start,
      );
      new Float32Array(records.buffer).set(epsilons, start + normalizedFields.length);
    }
    const shape: NormalizedShape = { population: given[0]! > 0, masked };
    const text = `normalized ${shape.population} ${masked}`;
    const plan: Plan = {
      shape,
      steps,
      batch,
      units,
      cells,
      lastCell: cells + slot(steps) * element,
      means,
      variances,
      memory,
      dReadout,
      totals: totalsStart,
      work,
      constants: this.commands.constants(records),
      stride,
      recordBytes: Math.ceil(words / 4) * 16,
      kernels: {
        statistics: this.pipelines.get(`${text} statistics`, () => inputStatisticsProgram(shape)),
        forward: this.pipelines.get(`${text} forward`, () => normalizedForwardProgram(shape)),
        backward: this.pipelines.get(`${text} backward`, () => normalizedBackwardProgram(shape)),
        first: this.pipelines.get('normalized first', () => normalizedFirstProgram),
        input: this.pipelines.get(`${text} input ${rows[0] === 1}`, () => inputGradientProgram(shape, rows[0] === 1)),
      },
    };
    this.#plans.set(key, plan);
    if (this.#plans.size > mostPlans) {
      const [oldest, { constants }] = this.#plans.entries().next().value!;
      this.#plans.delete(oldest);
      constants.destroy();
    }
    return plan;
  }

  #forward(plan: Plan, norms: Norms, product: tf.Tensor, h: tf.Tensor, c: tf.Tensor, of: Parameters): Forward {
    const { commands } = this;
    const { steps, batch, units, shape, kernels } = plan;
    const element = batch * units;
    const [memory, states] = [commands.make([plan.memory]), commands.make([steps + 1, batch, units])];
    commands.copy(commands.buffer(h), 0, states.buffer, 0, element);
    commands.copy(commands.buffer(c), 0, memory.buffer, plan.cells, element);
    for (const [k, { statistics }] of norms.entries()) {
      if (statistics === undefined) continue;
      for (const [what, places] of [['mean', plan.means] as const, ['variance', plan.variances] as const]) {
        const given = commands.asFloats(statistics[what]);
        commands.copy(commands.buffer(given), 0, memory.buffer, places[k]!, given.size);
        if (given !== statistics[what]) given.dispose();
      }
    }
    const buffers: Buffers = {
      weight: commands.buffer(of.recurrent),
      product: commands.buffer(product),
      params: this.#params(plan, norms, of),
      memory: memory.buffer,
      states: states.buffer,
    };
    const columns = [Math.ceil((4 * units) / columnsTogether), steps] as const;
    if (!shape.population) this.#play(plan, kernels.statistics, buffers, [0], columns);
    this.#play(plan, kernels.forward, buffers, [...Array(steps).keys()], [Math.ceil(units / tileUnits), 1]);
    commands.recorded(steps + (shape.population ? 0 : 1));
    const hidden = this.#part(states.buffer, element, [steps, batch, units], steps * element);
    return { hidden, memory: commands.toTensor(memory), states: commands.toTensor(states) };
  }

  /** Gradients of product, recurrent matrix, state, bias, gammas and beta, in this order. */
  #backward(
    plan: Plan,
    norms: Norms,
    product: tf.Tensor,
    run: Pick<Forward, 'memory' | 'states'>,
    of: Parameters,
    dy: tf.Tensor,
  ): tf.Tensor[] {
    const { commands } = this;
    const { steps, batch, units, kernels } = plan;
    const element = batch * units;
    const [dProduct, dSums] = [commands.make(product.shape), commands.make(product.shape)];
    const work = commands.scratch(plan.work);
    const buffers: Buffers = {
      weight: commands.buffer(of.recurrent),
      product: commands.buffer(product),
      params: this.#params(plan, norms, of),
      memory: commands.buffer(run.memory),
      dy: commands.buffer(dy),
      d_sums: dSums.buffer,
      d_product: dProduct.buffer,
      work,
    };
    commands.clear(work);
    const across = Math.ceil(units / tileUnits);
    this.#play(plan, kernels.backward, buffers, [...Array(steps).keys()].reverse(), [across, 1]);
    this.#play(plan, kernels.first, buffers, [steps], [across, Math.ceil(batch / tileRows)]);
    this.#play(plan, kernels.input, buffers, [0], [Math.ceil((4 * units) / columnsTogether), steps]);
    const dh = this.#part(work, plan.dReadout, [batch, units], element);
    const dc = this.#part(work, 0, [batch, units], element);
    const sums = this.#part(work, plan.totals, [steps, totals.all * units], steps * totals.all * units);
    commands.recorded(steps + 2);
    const d = commands.toTensor(dSums);
    const rest = tf.tidy(() => {
      const total = tf.sum(sums, 0);
      const take = (first: number, count: number) => tf.slice(total, first * units, count * units);
      const operand = tf.reshape(tf.slice(run.states, 0, steps), [steps * batch, units]) as tf.Tensor2D;
      const dWeight = tf.matMul(operand, tf.reshape(d, [steps * batch, 4 * units]) as tf.Tensor2D, true, false);
      const gammas = [take(totals.input, 4), take(totals.recurrent, 4), take(totals.readout, 1)];
      return { dWeight, bias: take(totals.gates, 4), gammas, beta: take(totals.beta, 1) };
    });
    tf.dispose([sums, d]);
    return [commands.toTensor(dProduct), rest.dWeight, dh, dc, rest.bias, ...rest.gammas, rest.beta];
  }

  /** Bias, what scales the three, the readout's shift and the mask, side by side. */
  #params({ steps, batch, units }: Plan, norms: Norms, { bias, gammas, beta }: Parameters): GPUBuffer {
    const mask = norms[0].mask && this.commands.asFloats(norms[0].mask);
    const all = this.commands.scratch(14 * units + (mask === undefined ? 0 : steps * batch));
    let start = 0;
    for (const each of [bias, ...gammas, beta, ...(mask ? [mask] : [])]) {
      this.commands.copy(this.commands.buffer(each), 0, all, start, each.size);
      start += each.size;
    }
    if (mask !== norms[0].mask) mask?.dispose();
    return all;
  }

  #observe({ steps, units, means, variances }: Plan, norms: Norms, memory: tf.Tensor): void {
    for (const [k, norm] of norms.entries()) {
      if (norm.observe === undefined || norm.statistics !== undefined) continue;
      const width = (k === 2 ? 1 : 4) * units;
      const show = (place: number) => this.#part(this.commands.buffer(memory), place, [steps, 1, width], steps * width);
      norm.observe(show(means[k]!), show(variances[k]!), undefined, 0);
    }
  }

  #part(buffer: GPUBuffer, start: number, shape: readonly number[], length: number): tf.Tensor {
    const made = this.commands.make(shape);
    this.commands.copy(buffer, start, made.buffer, 0, length);
    return this.commands.toTensor(made);
  }

  /** Records a kernel at each of the given records. */
  #play(
    { constants, recordBytes, stride }: Plan,
    kernel: Kernel,
    buffers: Buffers,
    records: readonly number[],
    groups: readonly [number, number],
  ): void {
    const pass = this.commands.pass();
    pass.setPipeline(kernel.pipeline);
    const group = this.pipelines.bind(kernel, constants, recordBytes, buffers);
    for (const record of records) {
      pass.setBindGroup(0, group, [record * stride]);
      pass.dispatchWorkgroups(...groups);
    }
  }
}

/** What the kernels take; `undefined` for anything else. */
function normsOf({ cell, input, recurrent, readout, product }: NormalizedSequenceRequest): Norms | undefined {
  if (cell.kind !== 'lstm' || readout === undefined) return undefined;
  const norms: Norms = [input, recurrent, readout];
  const [steps, batch] = product.shape;
  const alike = norms.every(
    ({ statistics, mask }) => (statistics === undefined) === (input.statistics === undefined) && mask === input.mask,
  );
  return alike && (input.mask === undefined || input.mask.size === steps * batch) ? norms : undefined;
}

/** The shifts of the two products join the bias. */
function parametersOf(
  { cell, weights, bias, state }: NormalizedSequenceRequest,
  norms: Norms,
  asFloats: (tensor: tf.Tensor) => tf.Tensor,
): Parameters {
  const units = state.h!.shape[1]!;
  const shifts = [bias, norms[0].beta, norms[1].beta].filter((shift) => shift !== undefined).map(asFloats);
  return {
    recurrent: asFloats(weights[(cell as { recurrent: string }).recurrent]!),
    bias: shifts.length === 0 ? tf.zeros([4 * units]) : shifts.length === 1 ? shifts[0]! : tf.addN(shifts),
    gammas: norms.map(({ gamma }) => asFloats(gamma)),
    beta: asFloats(norms[2].beta ?? tf.zeros([units])),
  };
}
