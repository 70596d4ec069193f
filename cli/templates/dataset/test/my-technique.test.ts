import { datasetContract } from '@rnnx/contract-kit';
import { type Dataset, PluginRegistry } from '@rnnx/core';
import { expect } from 'chai';
import plugin from '../src/my-technique.js';

// Every promise that rnnx makes of a data set. A provider of files takes them from `dataDir` under "context".
datasetContract(plugin, {
  valid: [{ options: { trainStrings: 40, validStrings: 20, testStrings: 20 } }],
  variations: { seed: [2], longest: [5], trainStrings: [41], validStrings: [21], testStrings: [21] },
  invalid: [
    { options: { longest: 0 }, code: 'RNNX_CONFIG_INVALID' },
    { options: { seed: -1 }, code: 'RNNX_CONFIG_INVALID' },
  ],
});

// What the kit cannot know: the content.
describe('my-technique', () => {
  const load = (options: object = {}): Promise<Dataset> =>
    new PluginRegistry([plugin])
      .create('dataset', { name: 'my-technique', ...options })
      .load({ cacheDir: 'unused', offline: true });

  it('has strings of as many b as a, of every length up to the longest', async () => {
    const { task, splits } = await load({ longest: 4 });
    if (task.kind !== 'language-model' || splits.train.kind !== 'tokens') throw new Error('expected text');
    const strings = task.detokenize([...splits.train.tokens]).split('.');
    expect(strings.pop(), 'ends with a full string').to.equal('');
    expect(new Set(strings)).to.deep.equal(new Set(['ab', 'aabb', 'aaabbb', 'aaaabbbb']));
    expect(strings).to.have.length(1000);
  });

  it('states a floor that its own source reaches', async () => {
    const { floor, splits } = await load({ longest: 6, trainStrings: 20_000 });
    const { length } = (splits.train as { tokens: Int32Array }).tokens;
    expect(floor?.value).to.be.closeTo((20_000 * Math.log2(6)) / length, 0.01);
  });

  it('refuses a prompt with other characters', async () => {
    const { task } = await load();
    if (task.kind !== 'language-model') throw new Error('expected text');
    expect([...task.tokenize('aabb.')]).to.deep.equal([1, 1, 2, 2, 0]);
    expect(() => task.tokenize('abc'))
      .to.throw()
      .with.property('code', 'RNNX_TOKEN_UNKNOWN');
  });
});
