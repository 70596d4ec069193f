import { noiseContract } from '@rnnx/contract-kit';
import { createRng, PluginRegistry } from '@rnnx/core';
import { expect } from 'chai';
import plugin from '../src/my-technique.js';

// Every promise that rnnx makes of a noise distribution. The kit compares moments and support with a large sample.
noiseContract(plugin, {
  valid: [{ options: {} }, { options: { terms: 12 } }],
  invalid: [
    { options: { terms: 0 }, code: 'RNNX_CONFIG_INVALID' },
    { options: { terms: 1.5 }, code: 'RNNX_CONFIG_INVALID' },
    { options: { terms: 101 }, code: 'RNNX_CONFIG_INVALID' },
  ],
});

// What the kit cannot know: the shape of the distribution between its moments.
describe('my-technique', () => {
  /** Share of 20,000 numbers below a limit; the standard error is at most 0.0036. */
  const shareBelow = async (limit: number, terms: number) => {
    const noise = new PluginRegistry([plugin]).create('noise', { name: 'my-technique', terms });
    const sample = noise.sample([20_000], createRng(1), 1);
    const values = await sample.data();
    sample.dispose();
    return values.filter((value) => value < limit).length / values.length;
  };

  it('is uniform with one term', async () => {
    for (const quarter of [1, 2, 3])
      expect(await shareBelow(Math.sqrt(3) * (quarter / 2 - 1), 1)).to.be.closeTo(quarter / 4, 0.02);
  });

  it('has two thirds within one standard deviation with twelve, as a normal number', async () => {
    expect((await shareBelow(1, 12)) - (await shareBelow(-1, 12))).to.be.closeTo(0.68, 0.02);
  });
});
