import { gateSumsText } from './products.js';
import {
  backwardProgram,
  type CellPrograms,
  forwardProgram,
  hasSite,
  nextGradientText,
  type Shape,
  stateProduct,
} from './step.js';

/** One step of the long short-term memory; gates i, f, g, o. Equations: the cell's docstring. */
export function lstmPrograms(shape: Shape): CellPrograms {
  const cellSite = hasSite(shape, 'cell');
  const forward = forwardProgram(
    shape,
    ['weight', 'product'],
    ['candidate', 'readout', 'cell'],
    gateSumsText(stateProduct(shape)),
    `
  let sums = gate_sums(thread, row0, unit0);
  if (b >= at.batch || j >= at.units) { return; }
  let e = b * at.units + j;
  let row = b * 4u * at.units + j;
  let x = at.product + row;
  let i = sigmoid(product[x] + recurrent_term(b, j, 0u, sums.x));
  let f = sigmoid(product[x + at.units] + recurrent_term(b, j, 1u, sums.y));
  let g = tangent(product[x + 2u * at.units] + recurrent_term(b, j, 2u, sums.z));
  let o = sigmoid(product[x + 3u * at.units] + recurrent_term(b, j, 3u, sums.w));
  let gate = at.gates + row;
  memory[gate] = i;
  memory[gate + at.units] = f;
  memory[gate + 2u * at.units] = g;
  memory[gate + 3u * at.units] = o;
  let before = memory[at.cell_before + e];
  let next = f * before + i * apply_candidate(at.t, b, j, g, 0.0);
  let seen = tangent(apply_readout(at.t, b, j, next, 0.0));
  memory[at.readout + e] = seen;
${cellSite ? '  memory[at.cell_next + e] = next;' : ''}
  memory[at.cell_after + e] = apply_cell(at.t, b, j, next, before);
  finish(b, j, o * seen);`,
  );
  const backward = backwardProgram(
    shape,
    ['weight'],
    ['candidate', 'readout', 'cell'],
    nextGradientText(shape),
    `
  let d_operand = next_operand_gradient(thread, row0, unit0);
  if (b >= at.batch || j >= at.units) { return; }
  let e = b * at.units + j;
  let gate = at.gates + b * 4u * at.units + j;
  let i = memory[gate];
  let f = memory[gate + at.units];
  let g = memory[gate + 2u * at.units];
  let o = memory[gate + 3u * at.units];
  let seen = memory[at.readout + e];
  let before = memory[at.cell_before + e];
  let next = memory[${cellSite ? 'at.cell_next' : 'at.cell_after'} + e];
  let dh = back_hidden(at.t, b, j, o * seen, states[at.hidden_before + e], incoming(b, j, d_operand));
  work[at.d_previous + e] = dh.y;
  let d_seen = dh.x * o * (1.0 - seen * seen);
  var dc = back_readout(at.t, b, j, next, 0.0, d_seen).x;
  var to_cell = 0.0;
  if (at.has_next != 0u) {
    let carried = back_cell(at.t, b, j, next, before, work[at.d_cell + e]);
    dc += carried.x;
    to_cell = carried.y;
  }
  let dg = back_candidate(at.t, b, j, g, 0.0, dc * i).x;
  let di = dc * apply_candidate(at.t, b, j, g, 0.0) * i * (1.0 - i);
  let df = dc * before * f * (1.0 - f);
  let d_candidate = dg * (1.0 - g * g);
  let d_out = dh.x * seen * o * (1.0 - o);
  work[at.d_cell + e] = dc * f + to_cell;
  store(b, j, 0u, di, di);
  store(b, j, 1u, df, df);
  store(b, j, 2u, d_candidate, d_candidate);
  store(b, j, 3u, d_out, d_out);`,
  );
  return { forward: [forward], backward: [backward] };
}
