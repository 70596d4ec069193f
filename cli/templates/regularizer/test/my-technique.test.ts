import { regularizerContract } from '@rnnx/contract-kit';
import { createRng, type ModelShape, type PerturbContext, PluginRegistry } from '@rnnx/core';
import { expect } from 'chai';
import plugin from '../src/my-technique.js';

// Every promise that rnnx makes of a regularizer. The claims say what this one does; the kit checks that they are true.
regularizerContract(plugin, {
  valid: [{ options: { rate: 0.5 }, sites: ['hidden'], lifetime: 'step', sharing: 'example', unbiased: true }],
  variations: { rate: [0.2] },
  invalid: [
    { options: {}, code: 'RNNX_CONFIG_INVALID' },
    { options: { rate: -0.1 }, code: 'RNNX_CONFIG_INVALID' },
    { options: { rate: 1.1 }, code: 'RNNX_CONFIG_INVALID' },
  ],
  identity: { rate: 0 },
});

// What the kit cannot know: the technique's own equation.
describe('my-technique', () => {
  it('scales by factors that fill the range from 1 - r to 1 + r, with variance r²/3', async () => {
    const rate = 0.6;
    const layer = { inputSize: 3, hiddenSize: 100, gates: 4, recurrentWeights: [] };
    const model: ModelShape = {
      vocabularySize: 10,
      sites: [],
      layers: [{ ...layer, inputWeight: { name: 'input', shape: [3, 400] } }],
      outputWeight: [10, 100],
    };
    const context: PerturbContext = { phase: 'train', model, batch: 10, steps: 20, rng: createRng(1), parameters: {} };
    const regularizer = new PluginRegistry([plugin]).create('regularizer', { name: 'my-technique', rate });
    const [noise] = regularizer.perturb(context);
    if (noise === undefined || !('value' in noise)) throw new Error('expected a factor');

    const factors = [...(await noise.value.data())];
    noise.value.dispose();
    expect(noise).to.include({ site: 'hidden', layer: 0, kind: 'scale' });
    expect(Math.min(...factors)).to.be.within(1 - rate, 1 - rate + 0.001);
    expect(Math.max(...factors)).to.be.within(1 + rate - 0.001, 1 + rate);
    const variance = factors.reduce((sum, factor) => sum + (factor - 1) ** 2, 0) / factors.length;
    // 20,000 numbers: the standard error is 0.6 % of the variance.
    expect(variance).to.be.closeTo(rate ** 2 / 3, 0.04 * (rate ** 2 / 3));
  });
});
