import type { FusedPerturbation } from '@rnnx/core';

export type SequenceSite = Exclude<FusedPerturbation['site'], 'weights.recurrent'>;

/** A perturbation as its kernel sees it. */
export interface ChainItem {
  readonly kind: FusedPerturbation['kind'];
  /** Its place in the tables `at.values` and `at.gradients`. */
  readonly index: number;
}

/** Perturbations by site, each site's in the order in which they act. */
export type Chains = Readonly<Partial<Record<SequenceSite, readonly ChainItem[]>>>;

/** A site's name as part of a WGSL name. */
function nameOf(site: SequenceSite): string {
  return site.replace('.', '_');
}

/** `value(i, t, b, j)`: the element of perturbation i; strides of 0 broadcast. */
export const valueText = `
fn value(i: u32, t: u32, b: u32, j: u32) -> f32 {
  let table = at.values[i];
  return values[table.x + t * table.y + b * table.z + j * table.w];
}`;

/** `add_gradient`: sums over broadcast steps; over broadcast examples and units a reduction sums afterwards. */
export const gradientText = `
fn add_gradient(i: u32, t: u32, b: u32, j: u32, d: f32) {
  let table = at.gradients[i];
  work[table.x + t * table.y + b * table.z + j] += d;
}`;

/** `apply_SITE(t, b, j, x, previous)`: the quantity after all that acts on it. */
export function applyText(site: SequenceSite, chains: Chains): string {
  const lines = (chains[site] ?? []).map(({ kind, index }) => {
    const value = `value(${index}u, t, b, j)`;
    if (kind === 'scale') return `  y = y * ${value};`;
    if (kind === 'shift') return `  y = y + ${value};`;
    return `  { let v = ${value}; y = v * previous + (1.0 - v) * y; }`;
  });
  return `
fn apply_${nameOf(site)}(t: u32, b: u32, j: u32, x: f32, previous: f32) -> f32 {
  var y = x;
${lines.join('\n')}
  return y;
}`;
}

/** `back_SITE(t, b, j, x, previous, d)`: gradients of x and of the previous value; adds those of the values. */
export function backText(site: SequenceSite, chains: Chains): string {
  const items = chains[site] ?? [];
  const forward = items.slice(0, -1).map(({ kind, index }, i) => {
    const value = `value(${index}u, t, b, j)`;
    if (kind === 'scale') return `  let x${i + 1} = x${i} * ${value};`;
    if (kind === 'shift') return `  let x${i + 1} = x${i} + ${value};`;
    return `  let x${i + 1} = ${value} * previous + (1.0 - ${value}) * x${i};`;
  });
  const backward = items.map(({ kind, index }, i) => {
    const add = (d: string) => `add_gradient(${index}u, t, b, j, ${d});`;
    const value = `value(${index}u, t, b, j)`;
    if (kind === 'shift') return `  ${add('g')}`;
    if (kind === 'scale') return `  ${add(`g * x${i}`)} g = g * ${value};`;
    return `  { let v = ${value}; ${add(`g * (previous - x${i})`)} p += g * v; g = g * (1.0 - v); }`;
  });
  return `
fn back_${nameOf(site)}(t: u32, b: u32, j: u32, x: f32, previous: f32, d: f32) -> vec2f {
  let x0 = x;
${forward.join('\n')}
  var g = d;
  var p = 0.0;
${backward.reverse().join('\n')}
  return vec2f(g, p);
}`;
}
