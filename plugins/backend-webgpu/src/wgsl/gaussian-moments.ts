import type { FusedMoments } from '@rnnx/core';

/** Variances below are taken as this where their root is needed, whose slope is infinite at 0. */
const tiny = '1e-12';

/**
 * `moments_of(m, v)`: mean and variance of φ(a), a ~ N(m, v); `slopes_of(m, v, d)`: from the gradients of those to those of m and
 * v. The formulas of plugins/fast-dropout.
 */
export function momentsText({ activation, rule }: Pick<FusedMoments, 'activation' | 'rule'>): string {
  return rule.length > 0 ? quadratureText(activation, rule) : closedForms[activation];
}

/** The sigmoid (Wang and Manning 2013, equations 8-10). */
const closedSigmoid = `
const alpha = 1.17157287525381; // 4 - 2√2
const beta = 0.881373587019543; // -ln(√2 - 1)
const first = 0.392699081698724; // π / 8
const second = 0.539012084452647; // π α² / 8

fn sigmoid_moments(m: f32, v: f32) -> vec2f {
  let e1 = sigmoid(m / sqrt(v * first + 1.0));
  let e2 = sigmoid((m - beta) * alpha / sqrt(v * second + 1.0));
  let raw = e2 - e1 * e1;
  return vec2f(e1, select(raw, 0.0, raw < 0.0));
}

fn sigmoid_slopes(m: f32, v: f32, d: vec2f) -> vec2f {
  let s1 = sqrt(v * first + 1.0);
  let s2 = sqrt(v * second + 1.0);
  let z1 = m / s1;
  let z2 = (m - beta) * alpha / s2;
  let e1 = sigmoid(z1);
  let e2 = sigmoid(z2);
  let d2 = select(0.0, d.y, e2 - e1 * e1 > 0.0);
  let dz1 = (d.x - 2.0 * d2 * e1) * e1 * (1.0 - e1);
  let dz2 = d2 * e2 * (1.0 - e2);
  return vec2f(dz1 / s1 + dz2 * alpha / s2,
    -0.5 * first * dz1 * z1 / (s1 * s1) - 0.5 * second * dz2 * z2 / (s2 * s2));
}
`;

const closedForms: Readonly<Record<FusedMoments['activation'], string>> = {
  sigmoid: `${closedSigmoid}
fn moments_of(m: f32, v: f32) -> vec2f { return sigmoid_moments(m, v); }
fn slopes_of(m: f32, v: f32, d: vec2f) -> vec2f { return sigmoid_slopes(m, v, d); }`,

  // tanh(a) = 2 σ(2a) - 1
  tanh: `${closedSigmoid}
fn moments_of(m: f32, v: f32) -> vec2f {
  let p = sigmoid_moments(2.0 * m, 4.0 * v);
  return vec2f(2.0 * p.x - 1.0, 4.0 * p.y);
}
fn slopes_of(m: f32, v: f32, d: vec2f) -> vec2f {
  let p = sigmoid_slopes(2.0 * m, 4.0 * v, vec2f(2.0 * d.x, 4.0 * d.y));
  return vec2f(2.0 * p.x, 4.0 * p.y);
}`,

  // Exact but for the error function, Abramowitz and Stegun 7.1.26: within 1.5e-7.
  relu: `
struct Relu { s: f32, density: f32, below: f32, first: f32, raw: f32 }
fn relu_of(m: f32, v: f32) -> Relu {
  let s = sqrt(select(v, ${tiny}, v < ${tiny}));
  let z = m / s;
  let bell = exp(-0.5 * z * z);
  let t = 1.0 / (1.0 + 0.3275911 * abs(z) * 0.70710678);
  let p = 0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)));
  let upper = 0.5 * p * t * bell; // 1 - Φ(|z|)
  let density = bell * 0.39894228;
  let below = select(1.0 - upper, upper, z < 0.0);
  let first = m * below + s * density;
  return Relu(s, density, below, first, (m * m + v) * below + m * s * density - first * first);
}
fn moments_of(m: f32, v: f32) -> vec2f {
  let r = relu_of(m, v);
  return vec2f(r.first, select(r.raw, 0.0, r.raw < 0.0));
}
fn slopes_of(m: f32, v: f32, d: vec2f) -> vec2f {
  let r = relu_of(m, v);
  let d2 = select(0.0, d.y, r.raw > 0.0);
  let d1 = d.x - 2.0 * d2 * r.first;
  let dm = d1 * r.below + d2 * (2.0 * m * r.below + r.density * (v / r.s + r.s));
  let ds = r.density * (d1 + d2 * m * (1.0 - v / (r.s * r.s)));
  return vec2f(dm, d2 * r.below + select(0.0, 0.5 * ds / r.s, v >= ${tiny}));
}`,
};

const activations: Readonly<Record<FusedMoments['activation'], { readonly value: string; readonly slope: string }>> = {
  tanh: { value: 'tangent(x)', slope: '1.0 - y * y' },
  sigmoid: { value: 'sigmoid(x)', slope: 'y * (1.0 - y)' },
  relu: { value: 'select(x, 0.0, x < 0.0)', slope: 'select(y, 1.0, y > 0.0)' },
};

/** E f(a) = Σ w_i f(m + √v x_i); the variance centred, so that it cannot round below zero. */
function quadratureText(activation: FusedMoments['activation'], rule: FusedMoments['rule']): string {
  const { value, slope } = activations[activation];
  const list = (name: 'node' | 'weight') =>
    `array<f32, ${rule.length}>(${rule.map((point) => `f32(${Math.fround(point[name])})`).join(', ')})`;
  return `
const nodes = ${list('node')};
const node_weights = ${list('weight')};
fn activation(x: f32) -> f32 { return ${value}; }

fn spread_of(v: f32) -> f32 { return sqrt(select(v, ${tiny}, v < ${tiny})); }

fn mean_of(m: f32, s: f32) -> f32 {
  var mean = 0.0;
  for (var i = 0u; i < ${rule.length}u; i++) { mean += activation(m + s * nodes[i]) * node_weights[i]; }
  return mean;
}

fn moments_of(m: f32, v: f32) -> vec2f {
  let s = spread_of(v);
  let mean = mean_of(m, s);
  var variance = 0.0;
  for (var i = 0u; i < ${rule.length}u; i++) {
    let centred = activation(m + s * nodes[i]) - mean;
    variance += centred * centred * node_weights[i];
  }
  return vec2f(mean, variance);
}

fn slopes_of(m: f32, v: f32, d: vec2f) -> vec2f {
  let s = spread_of(v);
  let mean = mean_of(m, s);
  var dm = 0.0;
  var ds = 0.0;
  for (var i = 0u; i < ${rule.length}u; i++) {
    let y = activation(m + s * nodes[i]);
    let part = (d.x + 2.0 * d.y * (y - mean)) * node_weights[i] * (${slope});
    dm += part;
    ds += part * nodes[i];
  }
  return vec2f(dm, select(0.0, 0.5 * ds / s, v >= ${tiny}));
}`;
}
