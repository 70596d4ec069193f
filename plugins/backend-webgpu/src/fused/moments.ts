import type { FusedKernels, MomentSequenceRequest } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { Commands } from '../commands.js';
import type { Buffers, Kernel, Pipelines } from '../pipelines.js';
import { momentBackwardProgram, momentFields, momentFirstProgram, momentForwardProgram } from '../wgsl/moments.js';
import { tileRows, tileUnits } from '../wgsl/products.js';
import { noSecondDerivative } from './tape.js';

/** Offsets of dynamic uniform bindings are multiples of this everywhere. */
const offsetAlignment = 256;
const words = momentFields.length + 1;
const stride = Math.ceil((words * 4) / offsetAlignment) * offsetAlignment;
const recordBytes = Math.ceil(words / 4) * 16;
const mostNodes = 64;
const mostPlans = 32;

/**
 * `FusedKernels.momentSequence` on the GPU: one kernel a step forward and one backward, both products in each. Quadratures of more than
 * 64 nodes, and sequences that need more memory than one binding may have, are left to the composed path.
 *
 * Errors: RNNX_OPTION_INVALID where a second derivative is asked for.
 */
export function createMomentSequence(
  commands: Commands,
  pipelines: Pipelines,
): NonNullable<FusedKernels['momentSequence']> {
  const plans = new Map<string, GPUBuffer>();

  /** One record a step and one for what comes before the first. */
  const constantsOf = ({ product, cell }: MomentSequenceRequest, training: boolean): GPUBuffer => {
    const [steps, batch, units] = product.shape;
    const key = [steps, batch, units, cell.keep, training].join();
    const known = plans.get(key);
    if (known !== undefined) {
      plans.delete(key);
      plans.set(key, known); // the last used is the last to go
      return known;
    }
    const element = batch * units;
    const all = steps * element;
    const records = new Uint32Array((stride / 4) * (steps + 1));
    for (let t = 0; t <= steps; t++) {
      const at = t < steps ? t : 0;
      const numbers: Record<(typeof momentFields)[number], number> = {
        batch,
        units,
        has_next: t + 1 < steps ? 1 : 0,
        step: at * element,
        next: t < steps ? (t + 1) * element : 0, // the last record is that of "step -1"
        before: at * element,
        after: (at + 1) * element,
        variances: (steps + 1) * element,
        m: training ? at * element : 0,
        v: training ? all + at * element : element,
        dy_variances: all,
      };
      const start = (t * stride) / 4;
      records.set(
        momentFields.map((name) => numbers[name]),
        start,
      );
      new Float32Array(records.buffer)[start + momentFields.length] = cell.keep;
    }
    const made = commands.constants(records);
    plans.set(key, made);
    if (plans.size > mostPlans) {
      const [oldest, buffer] = plans.entries().next().value!;
      plans.delete(oldest);
      buffer.destroy();
    }
    return made;
  };

  const play = (
    { product }: MomentSequenceRequest,
    constants: GPUBuffer,
    kernel: Kernel,
    buffers: Buffers,
    records: readonly number[],
  ) => {
    const [, batch, units] = product.shape;
    const pass = commands.pass();
    pass.setPipeline(kernel.pipeline);
    const group = pipelines.bind(kernel, constants, recordBytes, buffers);
    for (const record of records) {
      pass.setBindGroup(0, group, [record * stride]);
      pass.dispatchWorkgroups(Math.ceil(units / tileUnits), Math.ceil(batch / tileRows));
    }
  };

  const textOf = ({ activation, rule }: MomentSequenceRequest['cell']) =>
    `moments ${activation} ${JSON.stringify(rule)}`;

  const forward = (request: MomentSequenceRequest, training: boolean) => {
    const { cell, product, variance, recurrent, state } = request;
    const [steps, batch, units] = product.shape;
    const element = batch * units;
    const states = commands.make([2, steps + 1, batch, units]);
    const memory = commands.make([2, training ? steps : 1, batch, units]);
    commands.copy(commands.buffer(state.mean), 0, states.buffer, 0, element);
    commands.copy(commands.buffer(state.variance), 0, states.buffer, (steps + 1) * element, element);
    const kernel = pipelines.get(`${textOf(cell)} forward`, () => momentForwardProgram(cell));
    const buffers: Buffers = {
      weight: commands.buffer(recurrent),
      product: commands.buffer(product),
      variance: commands.buffer(variance),
      memory: memory.buffer,
      states: states.buffer,
    };
    play(request, constantsOf(request, training), kernel, buffers, [...Array(steps).keys()]);
    const both = commands.make([2, steps, batch, units]);
    for (const moment of [0, 1])
      commands.copy(
        states.buffer,
        (moment * (steps + 1) + 1) * element,
        both.buffer,
        moment * steps * element,
        steps * element,
      );
    commands.recorded(steps);
    return { both: commands.toTensor(both), states: commands.toTensor(states), memory: commands.toTensor(memory) };
  };

  /** Gradients of product, its variance, the matrix, and the first moments. */
  const backward = (
    request: MomentSequenceRequest,
    [w, states, memory]: readonly [tf.Tensor, tf.Tensor, tf.Tensor],
    dy: tf.Tensor,
  ): tf.Tensor[] => {
    const { cell, product } = request;
    const [steps, batch, units] = product.shape;
    const element = batch * units;
    const [dProduct, dVariance] = [commands.make(product.shape), commands.make(product.shape)];
    const first = commands.scratch(2 * element);
    const buffers: Buffers = {
      weight: commands.buffer(w),
      memory: commands.buffer(memory),
      states: commands.buffer(states),
      dy: commands.buffer(dy),
      d_product: dProduct.buffer,
      d_variance: dVariance.buffer,
      first,
    };
    const constants = constantsOf(request, true);
    const kernel = pipelines.get(`${textOf(cell)} backward`, () => momentBackwardProgram(cell));
    play(request, constants, kernel, buffers, [...Array(steps).keys()].reverse());
    play(
      request,
      constants,
      pipelines.get('moments first', () => momentFirstProgram),
      buffers,
      [steps],
    );
    const ofState = [0, 1].map((moment) => {
      const made = commands.make([batch, units]);
      commands.copy(first, moment * element, made.buffer, 0, element);
      return commands.toTensor(made);
    });
    commands.recorded(steps + 1);
    const gradients = [commands.toTensor(dProduct), commands.toTensor(dVariance)] as [tf.Tensor, tf.Tensor];
    // dW = q Σ h_{t-1}ᵀ dm_t + 2 W ⊙ Σ (q s + q (1 - q) h²)ᵀ dv_t
    const ofMatrix = tf.tidy(() => {
      const flat = (x: tf.Tensor) => tf.reshape(x, [steps * batch, units]) as tf.Tensor2D;
      const [h, s] = [0, 1].map((moment) => flat(tf.slice(states, [moment, 0, 0, 0], [1, steps, batch, units]))) as [
        tf.Tensor2D,
        tf.Tensor2D,
      ];
      const operand = tf.add(s, tf.mul(tf.square(h), 1 - cell.keep)) as tf.Tensor2D;
      const [a, b] = [tf.matMul(h, flat(gradients[0]), true), tf.matMul(operand, flat(gradients[1]), true)];
      return tf.mul(tf.add(a, tf.mul(tf.mul(b, w), 2)), cell.keep);
    });
    return [...gradients, ofMatrix, ...ofState];
  };

  return (given) => {
    const [steps, batch, units] = given.product.shape;
    const largest = Math.max(2 * (steps + 1) * batch * units, given.recurrent.size);
    if (given.cell.rule.length > mostNodes || largest > commands.mostNumbers) return undefined;
    const request: MomentSequenceRequest = {
      cell: given.cell,
      product: commands.asFloats(given.product),
      variance: commands.asFloats(given.variance),
      recurrent: commands.asFloats(given.recurrent),
      state: { mean: commands.asFloats(given.state.mean), variance: commands.asFloats(given.state.variance) },
    };
    const { product, variance, recurrent, state } = request;
    const split = (both: tf.Tensor) => {
      const [mean, spread] = tf.unstack(both);
      return { mean: mean as tf.Tensor3D, variance: spread as tf.Tensor3D };
    };
    if (!tf.engine().isTapeOn()) {
      const { both, states, memory } = forward(request, false);
      const moments = split(both);
      tf.dispose([both, states, memory]);
      return moments;
    }
    // tfjs differentiates one result: the two moments, one above the other.
    const both = tf.customGrad((...inputs) => {
      const save = inputs.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
      const run = forward(request, true);
      save([recurrent, run.states, run.memory]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
        if (tf.engine().isTapeOn()) throw noSecondDerivative('sequence of moments');
        return backward(request, saved as [tf.Tensor, tf.Tensor, tf.Tensor], commands.asFloats(dy));
      };
      return { value: run.both, gradFunc: gradFunc as never };
    })(product, variance, recurrent, state.mean, state.variance);
    return split(both);
  };
}
