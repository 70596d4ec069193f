import { adam, extendAverage, momentum, type Optimizer, rmsprop, sgd } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { onBackend } from '../../support/backend.js';
import { Draws, needsAddon, openAddon } from './addon/open.js';

const count = 1003;
const rate = 0.37;

/** What the core's rule makes of one parameter, on tfjs's own backend: three steps, all values. */
async function composed(rule: Optimizer, weight: Float32Array, gradients: readonly Float32Array[]) {
  let weights: Record<string, tf.Tensor> = { w: tf.tensor1d(weight.slice()) };
  let slots = rule.initialSlots(weights);
  for (const [i, g] of gradients.entries()) {
    const gradient = tf.tensor1d(g.slice());
    const next = rule.update(weights, slots, { w: gradient }, { learningRate: rate, step: i + 1 });
    tf.dispose([weights, slots, gradient]);
    ({ weights, slots } = next);
  }
  const values: Record<string, Float32Array> = {};
  for (const [name, tensor] of Object.entries({ ...weights, ...slots }))
    values[name] = Float32Array.from(await tensor.data());
  tf.dispose([weights, slots]);
  return values;
}

describe('native optimizers', () => {
  needsAddon();
  onBackend('cpu');

  const draws = new Draws('optimizers');
  const weight = draws.floats(count);
  const gradients = [draws.floats(count), draws.floats(count, 1e-3), draws.floats(count, 10)];
  const control = (scale = 1) => Float64Array.of(0, scale, 1);
  const filled = (value: number) => new Float32Array(count).fill(value);

  it('take the steps of sgd bit for bit, in place', async () => {
    const w = weight.slice();
    for (const g of gradients) openAddon().sgd(count, w, g, control(), rate, w);
    expect({ w }).to.deep.equal(await composed(sgd(), weight, gradients));
  });

  it('take the steps of momentum bit for bit', async () => {
    const [w, v] = [weight.slice(), filled(0)];
    for (const g of gradients) openAddon().momentum(count, w, g, control(), rate, w, 0.9, v, v);
    const rule = momentum({ momentum: 0.9, nesterov: false });
    expect({ w, 'velocity/w': v }).to.deep.equal(await composed(rule, weight, gradients));
  });

  it('take the steps of Adam bit for bit', async () => {
    const [w, m, s] = [weight.slice(), filled(0), filled(0)];
    for (const [i, g] of gradients.entries())
      openAddon().adam(count, w, g, control(), rate, w, 0.9, 0.999, 1e-8, i + 1, m, s, m, s);
    const rule = adam({ beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });
    expect({ w, 'mean/w': m, 'square/w': s }).to.deep.equal(await composed(rule, weight, gradients));
  });

  it('take the steps of RMSProp bit for bit', async () => {
    const [w, v, s] = [weight.slice(), filled(0), filled(0.25)];
    for (const g of gradients) openAddon().rmsprop(count, w, g, control(), rate, w, 0.95, 0.8, 1e-4, v, s, v, s);
    const rule = rmsprop({ decay: 0.95, momentum: 0.8, epsilon: 1e-4, initial: 0.25 });
    expect({ w, 'velocity/w': v, 'square/w': s }).to.deep.equal(await composed(rule, weight, gradients));
  });

  it('extend an average bit for bit', async () => {
    const out = filled(NaN);
    openAddon().average(count, gradients[0]!, weight, 7, out);
    const [mean, w] = [tf.tensor1d(gradients[0]!.slice()), tf.tensor1d(weight.slice())];
    const extended = extendAverage({ w: mean }, { w }, 7);
    expect(out).to.deep.equal(await extended.w!.data());
    tf.dispose([mean, w, extended]);
  });

  it('scale the gradient first, as clipping does', () => {
    const [clipped, w, v] = [gradients[2]!.map((g) => Math.fround(g * Math.fround(0.1))), filled(0), filled(0)];
    openAddon().sgd(count, weight, gradients[2]!, control(0.1), rate, w);
    openAddon().sgd(count, weight, clipped, control(), rate, v);
    expect(w).to.deep.equal(v);
  });
});
