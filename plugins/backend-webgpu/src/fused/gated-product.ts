import type { FusedKernels } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { Commands } from '../commands.js';
import type { Buffers, Pipelines } from '../pipelines.js';
import { type GatedKind, gatedFields, gatedProgram, gatedTile } from '../wgsl/gated.js';
import { sumTo } from './stepped-matrix.js';
import { noSecondDerivative } from './tape.js';

interface Device {
  readonly commands: Commands;
  readonly pipelines: Pipelines;
}

type Fields = Readonly<Record<(typeof gatedFields)[number], number>>;

/**
 * `FusedKernels.gatedProduct`: one kernel forward, two backward; masks, and the columns of each gate, are read where they lie.
 * Masks that are learned take one more, and sums over what they are broadcast along.
 *
 * Products that need more memory than one binding may have are left to the composed path. Errors: RNNX_OPTION_INVALID where
 * a second derivative is asked for.
 */
export function createGatedProduct(
  commands: Commands,
  pipelines: Pipelines,
): NonNullable<FusedKernels['gatedProduct']> {
  const device = { commands, pipelines };
  return (...given) => {
    const [x, masks, weight] = given.slice(0, 3).map((each) => commands.asFloats(each as tf.Tensor)) as typeof given;
    const learned = given[3];
    const [steps, batch, inputs] = x.shape;
    const gates = masks.shape[2];
    const width = weight.shape[1];
    const examples = steps * batch;
    const unreduced = learned ? gates * inputs : 0;
    const largest = Math.max(examples * Math.max(inputs, width, unreduced), masks.size, weight.size);
    if (largest > commands.mostNumbers || width % gates !== 0 || !fits(commands, Math.max(examples, inputs)))
      return undefined;
    const [units, strides] = [width / gates, maskStrides(masks.shape)];
    const shared = { gates, batch, width, dy_width: width, x_gate: 0, ...strides };
    const buffer = (tensor: tf.Tensor) => commands.buffer(tensor);
    const multiply = (): tf.Tensor => {
      const fields = { ...shared, rows: examples, columns: units, inner: inputs };
      const buffers = { x: buffer(x), masks: buffer(masks), weight: buffer(weight) };
      return run(device, 'product', [steps, batch, width], fields, buffers);
    };
    if (!tf.engine().isTapeOn()) return multiply() as tf.Tensor3D;
    return tf.customGrad((...inputsOf) => {
      const save = inputsOf.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
      save([x, masks, weight]);
      const gradFunc = (given: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
        if (tf.engine().isTapeOn()) throw noSecondDerivative('product');
        const [from, m, w] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
        const dy = commands.asFloats(given);
        const ofOperand = { ...shared, rows: examples, columns: inputs, inner: units };
        const ofWeight = { ...shared, rows: inputs, columns: units, inner: examples };
        const [d, mask] = [buffer(dy), buffer(m)];
        const gradients = [
          run(device, 'operand', x.shape, ofOperand, { dy: d, masks: mask, weight: buffer(w) }),
          run(device, 'weight', weight.shape, ofWeight, { x: buffer(from), masks: mask, dy: d }),
        ];
        if (!learned) return gradients;
        const all = [steps, batch, gates, inputs] as const;
        const ofEach = run(device, 'masks', all, ofOperand, { dy: d, weight: buffer(w), x: buffer(from) });
        const ofMasks = sumTo(masks.shape, ofEach);
        if (ofMasks !== ofEach) ofEach.dispose();
        return [...gradients, ofMasks];
      };
      return { value: multiply(), gradFunc: gradFunc as never };
    })(x, weight, ...(learned ? [masks] : [])) as tf.Tensor3D;
  };
}

/**
 * The gradient of a matrix whose gates' columns have operands of their own, which lie `operandStride` numbers apart.
 *
 * @param operand starts with the first gate's `[examples, rows]`
 * @param dy `[..., columns]` of all `examples`, of which the first `gates * units` are the matrix's
 * @returns `[rows, gates * units]`
 */
export function gradientByGate(
  device: Device,
  operand: tf.Tensor,
  operandStride: number,
  dy: tf.Tensor,
  [examples, rows]: readonly [number, number],
  [gates, units]: readonly [number, number],
): tf.Tensor {
  const fields = {
    ...{ rows, columns: units, inner: examples, gates, batch: examples },
    ...{ width: gates * units, dy_width: dy.shape.at(-1)!, x_gate: operandStride },
    ...{ mask_step: 0, mask_row: 0, mask_gate: 0, mask_input: 0 },
  };
  const buffers = { x: device.commands.buffer(operand), dy: device.commands.buffer(dy) };
  return run(device, 'weight', [rows, gates * units], fields, buffers);
}

function run(
  { commands, pipelines }: Device,
  kind: GatedKind,
  shape: readonly number[],
  fields: Fields,
  buffers: Buffers,
): tf.Tensor {
  const made = commands.make(shape);
  const masked = buffers.masks !== undefined;
  const kernel = pipelines.get(`gated ${kind}${masked ? '' : ', no masks'}`, () => gatedProgram(kind, masked));
  const tiles = [Math.ceil(fields.columns / gatedTile), Math.ceil(fields.rows / gatedTile)];
  const groups = kind === 'operand' ? tiles : [...tiles, fields.gates];
  const constants = gatedFields.map((name) => fields[name]);
  commands.run(pipelines, kernel, constants, groups, { ...buffers, y: made.buffer });
  return commands.toTensor(made);
}

function fits({ device }: Commands, rows: number): boolean {
  return Math.ceil(rows / gatedTile) <= device.limits.maxComputeWorkgroupsPerDimension;
}

/** Of masks `[1|T, 1|B, G, 1|N]`. */
function maskStrides([steps, batch, gates, inputs]: tf.Tensor4D['shape']) {
  return {
    mask_step: steps > 1 ? batch * gates * inputs : 0,
    mask_row: batch > 1 ? gates * inputs : 0,
    mask_gate: inputs,
    mask_input: inputs > 1 ? 1 : 0,
  };
}
