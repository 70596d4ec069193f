import { gateSumsText } from './products.js';
import {
  backwardProgram,
  type CellPrograms,
  forwardProgram,
  nextGradientText,
  type Shape,
  stateProduct,
} from './step.js';

/** φ, and its derivative from its value y. That of relu is NaN at NaN; compilers take y != y for false. */
const activations = {
  tanh: { value: 'tangent(x)', slope: '1.0 - y * y' },
  sigmoid: { value: 'sigmoid(x)', slope: 'y * (1.0 - y)' },
  relu: {
    value: 'select(x, 0.0, x < 0.0)',
    slope: 'select(select(0.0, 1.0, y > 0.0), y, (bitcast<u32>(y) & 0x7fffffffu) > 0x7f800000u)',
  },
} as const;

/** One step of the simple recurrent network. Equations: the cell's docstring. */
export function rnnPrograms(shape: Shape, activation: keyof typeof activations): CellPrograms {
  const { value, slope } = activations[activation];
  const forward = forwardProgram(
    shape,
    ['weight', 'product'],
    ['candidate'],
    gateSumsText(stateProduct(shape)),
    `
  let sums = gate_sums(thread, row0, unit0);
  if (b >= at.batch || j >= at.units) { return; }
  let e = b * at.units + j;
  let x = product[at.product + e] + recurrent_term(b, j, 0u, sums.x);
  let y = ${value};
  memory[at.gates + e] = y;
  finish(b, j, apply_candidate(at.t, b, j, y, 0.0));`,
  );
  const backward = backwardProgram(
    shape,
    ['weight'],
    ['candidate'],
    nextGradientText(shape),
    `
  let d_operand = next_operand_gradient(thread, row0, unit0);
  if (b >= at.batch || j >= at.units) { return; }
  let e = b * at.units + j;
  let y = memory[at.gates + e];
  let raw = apply_candidate(at.t, b, j, y, 0.0);
  let dh = back_hidden(at.t, b, j, raw, states[at.hidden_before + e], incoming(b, j, d_operand));
  work[at.d_previous + e] = dh.y;
  let d = back_candidate(at.t, b, j, y, 0.0, dh.x).x * (${slope});
  store(b, j, 0u, d, d);`,
  );
  return { forward: [forward], backward: [backward] };
}
