import type { FusedPerturbation } from '@rnnx/core';

/** `weights.candidate`: `weights.recurrent` where the matrix is that of the candidate. */
export type SequenceSite = FusedPerturbation['site'] | 'weights.candidate';

/** A perturbation as its kernel sees it. */
export interface ChainItem {
  readonly kind: FusedPerturbation['kind'];
  /** Its place in the tables `at.values` and `at.gradients`. */
  readonly index: number;
  /** Another value for each gate. */
  readonly gated?: boolean;
}

/** Perturbations by site, each site's in the order in which they act. */
export type Chains = Readonly<Partial<Record<SequenceSite, readonly ChainItem[]>>>;

/** A site's name as part of a WGSL name. */
function nameOf(site: SequenceSite): string {
  return site.replace('.', '_');
}

/** Whether the site's functions are told the gate before all else. */
export function isGated(site: SequenceSite, chains: Chains): boolean {
  return chains[site]?.some(({ gated }) => gated) ?? false;
}

/** `value(i, t, b, j)`: the element of perturbation i; strides of 0 broadcast. At weights b and j are row and column. */
export const valueText = `
fn value(i: u32, t: u32, b: u32, j: u32) -> f32 {
  let table = at.values[i];
  return values[table.x + t * table.y + b * table.z + j * table.w];
}`;

/** The same of a gate. */
export const gateValueText = `
fn gate_value(i: u32, g: u32, t: u32, b: u32, j: u32) -> f32 {
  let table = at.values[i];
  let gate = g * select(1u, at.units, table.w != 0u);
  return values[table.x + t * table.y + b * table.z + gate + j * table.w];
}`;

/** `add_gradient`: sums over broadcast steps; over broadcast examples and units a reduction sums afterwards. */
export const gradientText = `
fn add_gradient(i: u32, t: u32, b: u32, j: u32, d: f32) {
  let table = at.gradients[i];
  work[table.x + t * table.y + b * table.z + j] += d;
}`;

/** The same of a gate. */
export const gateGradientText = `
fn add_gate_gradient(i: u32, g: u32, t: u32, b: u32, j: u32, d: f32) {
  let table = at.gradients[i];
  work[table.x + t * table.y + b * table.z + g * at.units + j] += d;
}`;

function elementText({ index, gated }: ChainItem): string {
  return gated ? `gate_value(${index}u, gate, t, b, j)` : `value(${index}u, t, b, j)`;
}

function headOf(name: string, site: SequenceSite, chains: Chains): string {
  const gate = isGated(site, chains) ? 'gate: u32, ' : '';
  return `fn ${name}_${nameOf(site)}(${gate}t: u32, b: u32, j: u32, x: f32, previous: f32`;
}

/** `apply_SITE(t, b, j, x, previous)`: the quantity after all that acts on it. */
export function applyText(site: SequenceSite, chains: Chains): string {
  const lines = (chains[site] ?? []).map((item) => {
    const { kind } = item;
    const value = elementText(item);
    if (kind === 'scale') return `  y = y * ${value};`;
    if (kind === 'shift') return `  y = y + ${value};`;
    return `  { let v = ${value}; y = v * previous + (1.0 - v) * y; }`;
  });
  return `
${headOf('apply', site, chains)}) -> f32 {
  var y = x;
${lines.join('\n')}
  return y;
}`;
}

/** `back_SITE(t, b, j, x, previous, d)`: gradients of x and of the previous value; adds those of the values. */
export function backText(site: SequenceSite, chains: Chains): string {
  const items = chains[site] ?? [];
  const forward = items.map((item, i) => {
    const load = `  let v${i} = ${elementText(item)};`;
    if (i === items.length - 1) return item.kind === 'shift' ? '' : load;
    if (item.kind === 'scale') return `${load} let x${i + 1} = x${i} * v${i};`;
    if (item.kind === 'shift') return `  let x${i + 1} = x${i} + ${elementText(item)};`;
    return `${load} let x${i + 1} = v${i} * previous + (1.0 - v${i}) * x${i};`;
  });
  const backward = items.map(({ kind, index, gated }, i) => {
    const place = gated ? `add_gate_gradient(${index}u, gate,` : `add_gradient(${index}u,`;
    const add = (d: string) => `${place} t, b, j, ${d});`;
    if (kind === 'shift') return `  ${add('g')}`;
    if (kind === 'scale') return `  ${add(`g * x${i}`)} g = g * v${i};`;
    return `  ${add(`g * (previous - x${i})`)} p += g * v${i}; g = g * (1.0 - v${i});`;
  });
  return `
${headOf('back', site, chains)}, d: f32) -> vec2f {
  let x0 = x;
${forward.join('\n')}
  var g = d;
  var p = 0.0;
${backward.reverse().join('\n')}
  return vec2f(g, p);
}`;
}
