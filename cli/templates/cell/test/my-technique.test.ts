import { cellContract } from '@rnnx/contract-kit';
import { type CellSites, PluginRegistry } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import plugin from '../src/my-technique.js';

// Every promise that rnnx makes of a cell. The claims say what this one does; the kit checks that they are true.
cellContract(plugin, {
  valid: [{ options: {}, carries: ['h'] }],
  variations: { gateBias: [-2] },
  invalid: [{ options: { gateBias: 'low' }, code: 'RNNX_CONFIG_INVALID' }],
});

// What the kit cannot know: the technique's own equations.
describe('my-technique', () => {
  it('computes its equations: one unit, by hand', async () => {
    const cell = new PluginRegistry([plugin]).create('cell', 'my-technique');
    const [h, xf, xg, gate, candidate] = [0.4, 0.3, -0.7, 0.5, 1.5];
    const matrices: Record<string, number> = { 'recurrent-gate': gate, 'recurrent-candidate': candidate };
    const sites: CellSites = {
      recurrent: (operand, weight) => tf.mul(operand, matrices[weight] ?? Number.NaN),
      candidate: (g) => g,
      readout: (c) => c,
    };
    const next = tf.tidy(() => cell.step(tf.tensor2d([[xf, xg]]), { h: tf.tensor2d([[h]]) }, {}, sites).h);
    const [computed] = await next.data();
    next.dispose();

    const f = 1 / (1 + Math.exp(-(xf + gate * h)));
    const g = Math.tanh(xg + candidate * (f * h));
    expect(computed).to.be.closeTo((1 - f) * h + f * g, 1e-6);
  });
});
