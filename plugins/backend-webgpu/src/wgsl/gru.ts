import { gateSumsText, operandGradientText, type ProductText } from './products.js';
import {
  backwardProgram,
  type CellPrograms,
  candidateGradient,
  candidateOperand,
  forwardProgram,
  hasSite,
  matrixAt,
  nextGradientText,
  operandGradientType,
  type Shape,
  stateProduct,
  sumsOf,
} from './step.js';

/** One step of the gated recurrent unit; gates r, z, n. Equations: the cell's docstring. */
export function gruPrograms(shape: Shape, reset: 'after' | 'before'): CellPrograms {
  return reset === 'after' ? resetAfter(shape) : resetBefore(shape);
}

/** `mix(z, n, h)` = (1 - z) n + z h with one product. */
const mixText = `
fn mixed(z: f32, n: f32, h: f32) -> f32 { return n + z * (h - n); }
`;

/** `mix_gradients`: of the update gate's and the candidate's preactivation; keeps what h_{t-1} gets past the products. */
function mixGradientsText(shape: Shape): string {
  return `
fn mix_gradients(b: u32, j: u32, z: f32, n: f32, before: f32, d_operand: ${operandGradientType(shape)}) -> vec2f {
  let e = b * at.units + j;
  let perturbed = apply_candidate(at.t, b, j, n, 0.0);
  let dh = back_hidden(at.t, b, j, mixed(z, perturbed, before), before, incoming(b, j, d_operand));
  let kept = dh.x * z;
  work[at.d_previous + e] = dh.y + kept;
  let dz = dh.x * (before - perturbed) * z * (1.0 - z);
  let dn = back_candidate(at.t, b, j, n, 0.0, dh.x - kept).x * (1.0 - n * n);
  return vec2f(dz, dn);
}`;
}

function resetAfter(shape: Shape): CellPrograms {
  const forward = forwardProgram(
    shape,
    ['weight', 'bias', 'product'],
    ['candidate'],
    mixText + gateSumsText(stateProduct(shape)),
    `
  let sums = gate_sums(thread, row0, unit0);
  if (b >= at.batch || j >= at.units) { return; }
  let e = b * at.units + j;
  let x = at.product + b * 3u * at.units + j;
  let r = sigmoid(product[x] + recurrent_term(b, j, 0u, sums.x));
  let z = sigmoid(product[x + at.units] + recurrent_term(b, j, 1u, sums.y));
  let inner = recurrent_term(b, j, 2u, sums.z) + bias[j];
  let n = tangent(product[x + 2u * at.units] + r * inner);
  let gate = at.gates + b * 4u * at.units + j;
  memory[gate] = r;
  memory[gate + at.units] = z;
  memory[gate + 2u * at.units] = n;
  memory[gate + 3u * at.units] = inner;
  finish(b, j, mixed(z, apply_candidate(at.t, b, j, n, 0.0), states[at.hidden_before + e]));`,
  );
  const backward = backwardProgram(
    shape,
    ['weight'],
    ['candidate'],
    mixText + mixGradientsText(shape) + nextGradientText(shape),
    `
  let d_operand = next_operand_gradient(thread, row0, unit0);
  if (b >= at.batch || j >= at.units) { return; }
  let e = b * at.units + j;
  let gate = at.gates + b * 4u * at.units + j;
  let r = memory[gate];
  let n = memory[gate + 2u * at.units];
  let d = mix_gradients(b, j, memory[gate + at.units], n, states[at.hidden_before + e], d_operand);
  let dr = d.y * memory[gate + 3u * at.units] * r * (1.0 - r);
  let d_inner = d.y * r;
  work[at.d_bias + e] += d_inner;
  store(b, j, 0u, dr, dr);
  store(b, j, 1u, d.x, d.x);
  store(b, j, 2u, d.y, d_inner);`,
  );
  return { forward: [forward], backward: [backward] };
}

/** The candidate's own product, which takes r h_{t-1}. */
function resetProduct(shape: Shape): ProductText {
  const weight = matrixAt(shape, 'candidate', 'at.t', 'k', 'c');
  const costly = hasSite(shape, 'weights.candidate');
  return { operand: 'memory[at.reset + row * at.units + k]', weight, costly, gates: 1, gated: false };
}

/** Two kernels a step: the candidate's product needs the reset gates of all units. */
function resetBefore(shape: Shape): CellPrograms {
  const gates = forwardProgram(
    shape,
    ['weight', 'product'],
    [],
    gateSumsText(stateProduct(shape)),
    `
  let sums = gate_sums(thread, row0, unit0);
  if (b >= at.batch || j >= at.units) { return; }
  let e = b * at.units + j;
  let row = b * 3u * at.units + j;
  let r = sigmoid(product[at.product + row] + recurrent_term(b, j, 0u, sums.x));
  memory[at.gates + row] = r;
  memory[at.gates + row + at.units] = sigmoid(product[at.product + row + at.units] + recurrent_term(b, j, 1u, sums.y));
  memory[at.reset + e] = ${candidateOperand(shape, '(r * states[at.hidden_before + e])')};`,
  );
  const candidate = forwardProgram(
    shape,
    ['candidate', 'product'],
    ['candidate'],
    mixText + gateSumsText(resetProduct(shape)),
    `
  let sums = gate_sums(thread, row0, unit0);
  if (b >= at.batch || j >= at.units) { return; }
  let e = b * at.units + j;
  let row = b * 3u * at.units + j;
  let n = tangent(product[at.product + row + 2u * at.units] + recurrent_term(b, j, 2u, sums.x));
  memory[at.gates + row + 2u * at.units] = n;
  let z = memory[at.gates + row + at.units];
  finish(b, j, mixed(z, apply_candidate(at.t, b, j, n, 0.0), states[at.hidden_before + e]));`,
  );
  const backward = backwardProgram(
    shape,
    ['weight'],
    ['candidate'],
    mixText + mixGradientsText(shape) + nextGradientText(shape),
    `
  let d_operand = next_operand_gradient(thread, row0, unit0);
  if (b >= at.batch || j >= at.units) { return; }
  let gate = at.gates + b * 3u * at.units + j;
  let before = states[at.hidden_before + b * at.units + j];
  let d = mix_gradients(b, j, memory[gate + at.units], memory[gate + 2u * at.units], before, d_operand);
  store(b, j, 1u, d.x, d.x);
  store(b, j, 2u, d.y, d.y);`,
  );
  const backwardReset = backwardProgram(
    shape,
    ['candidate'],
    [],
    operandGradientText({
      ...resetProduct(shape),
      gradient: `${sumsOf(shape)}[at.d_sums + row * 3u * at.units + 2u * at.units + c]`,
      weight: matrixAt(shape, 'candidate', 'at.t', 'j', 'c'),
    }),
    `
  let d_reset = operand_gradient(thread, row0, unit0);
  if (b >= at.batch || j >= at.units) { return; }
  let e = b * at.units + j;
  let r = memory[at.gates + b * 3u * at.units + j];
  let before = states[at.hidden_before + e];
  let d = ${candidateGradient(shape, '(r * before)', 'd_reset')};
  work[at.d_previous + e] += d * r;
  let dr = d * before * r * (1.0 - r);
  store(b, j, 0u, dr, dr);`,
  );
  return { forward: [gates, candidate], backward: [backward, backwardReset] };
}
