import * as tf from '@tensorflow/tfjs';
import type { Commands } from '../commands.js';
import type { Pipelines } from '../pipelines.js';
import { isGated } from '../wgsl/chains.js';
import { gradientByGate } from './gated-product.js';
import { type SequenceLayout, valueRow } from './layout.js';
import { type Rows, type SteppedMatrix, steppedGradient, withTogether } from './stepped-matrix.js';

/** What a sequence's recurrent products were made of, and their gradients. */
export interface RecurrentProducts {
  readonly layout: SequenceLayout;
  readonly memory: tf.Tensor;
  readonly states: tf.Tensor;
  readonly operand: tf.Tensor | undefined;
  /** `[T, B, G·H]` */
  readonly sums: tf.Tensor;
  /** Of the perturbations, each apart. */
  readonly values: readonly tf.Tensor[];
}

interface Device {
  readonly commands: Commands;
  readonly pipelines: Pipelines;
}

const sites = { weight: 'weights.recurrent', candidate: 'weights.candidate' } as const;
type MatrixName = keyof typeof sites;

/** One operand for some columns of the matrix. */
interface Part {
  /** Of the operand, a tensor: where in it rows of `units` numbers start. */
  readonly operand: tf.Tensor;
  readonly start: number;
  /** The first of its columns among the gradients of the products, and in the matrix. */
  readonly column: number;
  readonly first: number;
  readonly columns: number;
}

function partsOf(name: MatrixName, { layout, memory, states, operand }: RecurrentProducts): Part[] {
  const { units, shape, reset, operands, batch } = layout;
  if (name === 'candidate') return [{ operand: memory, start: reset, column: 2 * units, first: 0, columns: units }];
  if (!isGated('recurrent', shape.chains))
    return [{ operand: operand ?? states, start: 0, column: 0, first: 0, columns: shape.shared * units }];
  return Array.from({ length: shape.shared }, (_, g) => {
    const start = g * operands[1] * batch * units;
    return { operand: operand!, start, column: g * units, first: g * units, columns: units };
  });
}

/** The gradient of a recurrent matrix before what perturbs it a step. */
export function matrixGradient(
  device: Device,
  name: MatrixName,
  products: RecurrentProducts,
  matrix: tf.Tensor,
): tf.Tensor {
  const { layout, sums } = products;
  const items = layout.shape.chains[sites[name]] ?? [];
  if (items.some(({ kind }) => kind !== 'shift'))
    return withTogether(device.commands, products.values, (values) =>
      steppedGradient(device, steppedOf(name, products, values, matrix), sidesOf(device, name, products)),
    );
  // What is added to the matrix drops out: one product over all steps.
  const { steps, batch, units } = layout;
  const rows = steps * batch;
  const parts = partsOf(name, products);
  const [{ operand, start, column, columns }, another] = parts as [Part, ...Part[]];
  if (another !== undefined) {
    const apart = another.start - start;
    return gradientByGate(device, operand, apart, sums, [rows, units], [parts.length, columns]);
  }
  return tf.tidy(() => {
    const all = tf.reshape(sums, [rows, -1]) as tf.Tensor2D;
    const flat = tf.reshape(operand, [-1]);
    const from = tf.reshape(start === 0 && flat.size === rows * units ? flat : tf.slice(flat, start, rows * units), [
      rows,
      units,
    ]) as tf.Tensor2D;
    const to = columns === all.shape[1] ? all : tf.slice(all, [0, column], [rows, columns]);
    return tf.matMul(from, to, true, false);
  });
}

/** The gradients of the values that stand at a matrix, in their order. */
export function valueGradients(
  device: Device,
  products: RecurrentProducts,
  matrices: Readonly<Record<MatrixName, tf.Tensor | undefined>>,
): tf.Tensor[] {
  return withTogether(device.commands, products.values, (values) =>
    products.layout.places.flatMap(({ site, gradientShape }, index) => {
      if (gradientShape !== undefined) return [];
      const name = site === sites.weight ? 'weight' : 'candidate';
      const stepped = steppedOf(name, products, values, matrices[name]!);
      return [steppedGradient(device, stepped, sidesOf(device, name, products), index)];
    }),
  );
}

function steppedOf(
  name: MatrixName,
  { layout }: RecurrentProducts,
  values: tf.Tensor,
  matrix: tf.Tensor,
): SteppedMatrix {
  const { places, shape } = layout;
  return {
    chain: { items: shape.chains[sites[name]]!, count: places.length },
    table: places.map(valueRow),
    shapes: places.map((place) => place.shape),
    values,
    matrix,
  };
}

function sidesOf({ commands }: Device, name: MatrixName, products: RecurrentProducts) {
  const { steps, batch, units, shape } = products.layout;
  const parts = partsOf(name, products).map(({ operand, start, column, first, columns }) => {
    const x: Rows = { buffer: commands.buffer(operand), start, stride: units };
    const dy: Rows = { buffer: commands.buffer(products.sums), start: column, stride: shape.gates * units };
    return { x, dy, first, columns };
  });
  return { steps, batch, parts };
}
