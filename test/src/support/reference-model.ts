/**
 * A language model in plain double precision, written from the equations and independent of the library: no tensors, no
 * automatic gradients, loops over numbers. It serves as the oracle of forward pass and, by central differences, of every
 * gradient.
 */

export type Matrix = number[][];
/** Acts on one step's `[B, N]` quantity. */
export type Perturb = (site: string, layer: number, t: number, x: Matrix, previous?: Matrix) => Matrix;

export interface ReferenceModel {
  readonly cell: 'lstm' | 'gru-after' | 'gru-before' | 'rnn-tanh' | 'rnn-sigmoid' | 'rnn-relu';
  readonly layers: number;
  readonly hiddenSize: number;
  readonly tied: boolean;
}

export type ReferenceWeights = Record<string, { shape: readonly number[]; data: Float64Array }>;

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const zip = (a: Matrix, b: Matrix, f: (x: number, y: number) => number): Matrix =>
  a.map((row, i) => row.map((x, j) => f(x, b[i]![j]!)));
const map = (a: Matrix, f: (x: number) => number): Matrix => a.map((row) => row.map(f));
const part = (a: Matrix, gate: number, width: number): Matrix =>
  a.map((row) => row.slice(gate * width, (gate + 1) * width));

function times(x: Matrix, w: ReferenceWeights[string]): Matrix {
  const [rows, columns] = w.shape as [number, number];
  return x.map((row) =>
    Array.from({ length: columns }, (_, j) => {
      let sum = 0;
      for (let i = 0; i < rows; i++) sum += row[i]! * w.data[i * columns + j]!;
      return sum;
    }),
  );
}

const addRow = (x: Matrix, b: ReferenceWeights[string]): Matrix => x.map((row) => row.map((v, j) => v + b.data[j]!));

/**
 * Sum over steps and examples of -log p(target), tokens `[T][B]`.
 *
 * @param effective weights as the products see them (perturbed), by full name; defaults to `weights`
 */
export function referenceNll(
  model: ReferenceModel,
  weights: ReferenceWeights,
  inputs: number[][],
  targets: number[][],
  perturb: Perturb = (_site, _layer, _t, x) => x,
): { nll: number; hidden: Matrix[][] } {
  const { hiddenSize: H, layers } = model;
  const batch = inputs[0]!.length;
  const zeros = (): Matrix => Array.from({ length: batch }, () => new Array<number>(H).fill(0));
  const h = Array.from({ length: layers }, zeros);
  const c = Array.from({ length: layers }, zeros);
  const hidden: Matrix[][] = Array.from({ length: layers }, () => []);
  const embedding = weights.embedding!;
  const width = embedding.shape[1]!;
  const output = model.tied ? embedding : weights['output/weight']!;
  let nll = 0;
  for (const [t, ids] of inputs.entries()) {
    let x: Matrix = ids.map((id) => Array.from(embedding.data.subarray(id * width, (id + 1) * width)));
    for (let l = 0; l < layers; l++) {
      const w = (name: string) => weights[`layer-${l}/${name}`]!;
      const at = (site: string, value: Matrix, previous?: Matrix) => perturb(site, l, t, value, previous);
      const fromInput = addRow(at('preactivation.input', times(at('input', x), w('input'))), w('bias'));
      const product = (operand: Matrix, name: string) =>
        at('preactivation.recurrent', times(at('recurrent', operand), w(name)));
      let next: Matrix;
      let nextCell: Matrix | undefined;
      if (model.cell === 'lstm') {
        const gates = zip(fromInput, product(h[l]!, 'recurrent'), (a, b) => a + b);
        const [i, f, g, o] = [0, 1, 2, 3].map((gate) => part(gates, gate, H)) as [Matrix, Matrix, Matrix, Matrix];
        const candidate = at('candidate', map(g, Math.tanh));
        const kept = zip(map(f, sigmoid), c[l]!, (a, b) => a * b);
        nextCell = zip(
          kept,
          zip(map(i, sigmoid), candidate, (a, b) => a * b),
          (a, b) => a + b,
        );
        next = zip(map(o, sigmoid), map(at('readout', nextCell), Math.tanh), (a, b) => a * b);
      } else if (model.cell.startsWith('gru')) {
        const after = model.cell === 'gru-after';
        const gates = product(h[l]!, after ? 'recurrent' : 'recurrent-gates');
        const gate = (k: number) =>
          map(
            zip(part(fromInput, k, H), part(gates, k, H), (a, b) => a + b),
            sigmoid,
          );
        const [r, z] = [gate(0), gate(1)];
        const recurrent = after
          ? zip(r, addRow(part(gates, 2, H), w('recurrent-bias')), (a, b) => a * b)
          : product(
              zip(r, h[l]!, (a, b) => a * b),
              'recurrent-candidate',
            );
        const n = at(
          'candidate',
          map(
            zip(part(fromInput, 2, H), recurrent, (a, b) => a + b),
            Math.tanh,
          ),
        );
        next = h[l]!.map((row, b) => row.map((v, j) => (1 - z[b]![j]!) * n[b]![j]! + z[b]![j]! * v));
      } else {
        const activation = {
          'rnn-tanh': Math.tanh,
          'rnn-sigmoid': sigmoid,
          'rnn-relu': (v: number) => Math.max(0, v),
        }[model.cell as 'rnn-tanh'];
        next = at(
          'candidate',
          map(
            zip(fromInput, product(h[l]!, 'recurrent'), (a, b) => a + b),
            activation,
          ),
        );
      }
      if (nextCell !== undefined) c[l] = at('cell', nextCell, c[l]!);
      h[l] = at('hidden', next, h[l]!);
      hidden[l]!.push(h[l]!);
      x = at('output', h[l]!);
    }
    for (const [b, top] of x.entries()) {
      const logits = Array.from({ length: output.shape[0]! }, (_, k) => {
        let sum = weights['output/bias']!.data[k]!;
        for (let j = 0; j < H; j++) sum += top[j]! * output.data[k * H + j]!;
        return sum;
      });
      const max = Math.max(...logits);
      const partition = max + Math.log(logits.reduce((sum, v) => sum + Math.exp(v - max), 0));
      nll += partition - logits[targets[t]![b]!]!;
    }
  }
  return { nll, hidden };
}

/** Central differences of `f` with respect to every entry of every weight. */
export function centralDifferences(
  weights: ReferenceWeights,
  f: (weights: ReferenceWeights) => number,
  step = 1e-5,
): Record<string, Float64Array> {
  const gradients: Record<string, Float64Array> = {};
  for (const [name, { data }] of Object.entries(weights)) {
    gradients[name] = Float64Array.from(data, (value, i) => {
      data[i] = value + step;
      const above = f(weights);
      data[i] = value - step;
      const below = f(weights);
      data[i] = value;
      return (above - below) / (2 * step);
    });
  }
  return gradients;
}

/** ‖a - b‖ / ‖b‖, or ‖a - b‖ where b is zero. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return norm === 0 ? Math.sqrt(difference) : Math.sqrt(difference / norm);
}
