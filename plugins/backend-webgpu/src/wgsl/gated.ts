import type { Binding, Program } from '../pipelines.js';

/** Rows and columns that a workgroup makes of its result. */
export const gatedTile = 64;

/** y[:, gate g] = (x ⊙ m_g) · W[:, gate g], and from dy like y the gradients of x, of W, and of m before it was broadcast. */
export type GatedKind = 'product' | 'operand' | 'weight' | 'masks';

/** How matrices lie. Rows are those of the result, columns one gate's. */
export const gatedFields = [
  'rows',
  'columns',
  /** Terms of a sum, of one gate. */
  'inner',
  'gates',
  /** Examples of a step. */
  'batch',
  /** From one row to the next of a matrix with all gates side by side; the result's for the gradient of W. */
  'width',
  /** The same of dy for the gradient of W, and from one gate's operand to the next where each has its own. */
  'dy_width',
  'x_gate',
  /** From one number of the masks to the next along a dimension; 0 broadcasts. */
  'mask_step',
  'mask_row',
  'mask_gate',
  'mask_input',
] as const;

interface Text {
  readonly left: string;
  readonly right: string;
  /** Whether neighbours along the inner dimension lie side by side. */
  readonly leftInner: boolean;
  readonly rightInner: boolean;
  readonly result: string;
}

const byGate = 'row * at.width + g * at.columns + c';
const againstWeight = {
  left: 'dy[row * at.width + g * at.inner + k]',
  right: 'weight[c * at.width + g * at.inner + k]',
  leftInner: true,
  rightInner: true,
};
const texts: Readonly<Record<GatedKind, Text>> = {
  product: {
    left: 'x[row * at.inner + k]',
    right: 'weight[k * at.width + g * at.columns + c]',
    leftInner: true,
    rightInner: false,
    result: byGate,
  },
  operand: { ...againstWeight, result: 'row * at.columns + c' },
  masks: { ...againstWeight, result: '(row * at.gates + g) * at.columns + c' },
  weight: {
    left: 'x[g * at.x_gate + k * at.rows + row]',
    right: 'dy[k * at.dy_width + g * at.columns + c]',
    leftInner: false,
    rightInner: false,
    result: byGate,
  },
};

/** An operand with its mask, where that depends on what is summed over. */
const masked: Readonly<Record<GatedKind, (value: string) => string>> = {
  product: (value) => `${value} * masks[start + g * at.mask_gate + k * at.mask_input]`,
  operand: (value) => value, // at the end of a gate
  masks: (value) => value,
  weight: (value) => `${value} * masks[start + g * at.mask_gate + row * at.mask_input]`,
};

/**
 * 256 threads make 64 x 64 elements, 4 x 4 each, from 16 values of the inner dimension at a time; masks are multiplied while
 * these are loaded. Gates are workgroups of their own, but add up in the gradient of x.
 *
 * @param hasMasks false: the operand of each gate is there as it is multiplied (gradient of W), or none is needed (of masks)
 */
export function gatedProgram(kind: GatedKind, hasMasks: boolean): Program {
  const { left, right, leftInner, rightInner, result } = texts[kind];
  const read = (name: string): Binding => ({ name, access: 'read' });
  const operands = {
    product: ['x', 'weight'],
    operand: ['dy', 'weight'],
    weight: ['x', 'dy'],
    masks: ['dy', 'weight', 'x'],
  }[kind];
  const adds = kind === 'operand';
  const place = (inner: boolean) => (inner ? ['thread % 16u', 'thread / 16u'] : ['thread / 16u', 'thread % 16u']);
  const [leftK, leftRows] = place(leftInner);
  const [rightK, rightColumns] = place(rightInner);
  const quad = (of: (i: number) => string) => `vec4f(${[0, 1, 2, 3].map(of).join(', ')})`;
  return {
    bindings: [...operands.map(read), ...(hasMasks ? [read('masks')] : []), { name: 'y', access: 'read_write' }],
    constants: gatedFields.map((name) => [name, 'u32'] as const),
    body: `
var<workgroup> left: array<vec4f, 272>; // four rows a number; 17 for each value of the inner dimension
var<workgroup> right: array<vec4f, 272>;

/** Where the masks of row n of x start. */
fn mask_start(n: u32) -> u32 { return n / at.batch * at.mask_step + n % at.batch * at.mask_row; }

fn left_at(g: u32, row: u32, k: u32, start: u32) -> f32 {
  if (row < at.rows && k < at.inner) { return ${hasMasks ? masked[kind](left) : left}; }
  return 0.0;
}

fn right_at(g: u32, k: u32, c: u32) -> f32 {
  if (k < at.inner && c < at.columns) { return ${right}; }
  return 0.0;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row0 = group.y * ${gatedTile}u;
  let column0 = group.x * ${gatedTile}u;
  let rows = thread / 16u; // of the four that are this thread's
  let columns = thread % 16u;
  let left_k = ${leftK};
  let left_rows = ${leftRows};
  let right_k = ${rightK};
  let right_columns = ${rightColumns};
  let row = row0 + 4u * left_rows;
  let c = column0 + 4u * right_columns;
${kind === 'product' ? `  let starts = vec4u(${[0, 1, 2, 3].map((i) => `mask_start(row + ${i}u)`).join(', ')});` : ''}
  var totals = array<vec4f, 4>();
  ${adds ? 'for (var g = 0u; g < at.gates; g++) {' : '{ let g = group.z;'}
    var sums = array<vec4f, 4>();
    for (var k0 = 0u; k0 < at.inner; k0 += 16u) {
      let k = k0 + left_k;
${kind === 'weight' && hasMasks ? '      let starts = vec4u(mask_start(k));' : ''}
      left[left_k * 17u + left_rows] = ${quad((i) => `left_at(g, row + ${i}u, k, ${hasMasks && !adds ? `starts[${i}]` : '0u'})`)};
      right[right_k * 17u + right_columns] = ${quad((i) => `right_at(g, k0 + right_k, c + ${i}u)`)};
      workgroupBarrier();
      for (var i = 0u; i < 16u; i++) {
        let a = left[i * 17u + rows];
        let b = right[i * 17u + columns];
        sums[0] += a.x * b;
        sums[1] += a.y * b;
        sums[2] += a.z * b;
        sums[3] += a.w * b;
      }
      workgroupBarrier();
    }
    for (var r = 0u; r < 4u; r++) {
      let row = row0 + 4u * rows + r;
      if (row >= at.rows) { break; }
${adds ? '      let start = mask_start(row) + g * at.mask_gate;' : ''}
      for (var i = 0u; i < 4u; i++) {
        let c = column0 + 4u * columns + i;
        if (c >= at.columns) { break; }
        ${adds ? 'totals[r][i] += sums[r][i] * masks[start + c * at.mask_input];' : `y[${result}] = sums[r][i]${kind === 'masks' ? ' * x[row * at.columns + c]' : ''};`}
      }
    }
  }
${
  adds
    ? `  for (var r = 0u; r < 4u; r++) {
    let row = row0 + 4u * rows + r;
    if (row >= at.rows) { break; }
    for (var i = 0u; i < 4u; i++) {
      let c = column0 + 4u * columns + i;
      if (c < at.columns) { y[${result}] = totals[r][i]; }
    }
  }`
    : ''
}
}`,
  };
}
