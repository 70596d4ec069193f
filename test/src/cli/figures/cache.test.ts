import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { FigureCache, hashFile } from '../../../../cli/dist/figures/cache.js';
import { failureOf, temporaryFolder } from '../helpers.js';

describe('figures that were computed before', () => {
  const folder = temporaryFolder();
  const cache = () => new FigureCache(join(folder.path, 'figures'));
  const counted = () => {
    const calls: number[] = [];
    return { calls, compute: async () => ({ points: [[1, 0.1 + 0.2]], call: calls.push(1) }) };
  };

  it('are computed once for the same inputs, and again for others', async () => {
    const { calls, compute } = counted();
    const first = await cache().get('a', { run: 'x', lengths: [1, 2] }, compute);
    expect(await cache().get('a', { lengths: [1, 2], run: 'x' }, compute)).to.deep.equal(first);
    expect(calls).to.have.length(1);
    expect((await cache().get('a', { run: 'x', lengths: [1, 3] }, compute)).call).to.equal(2);
    expect((await cache().get('b', { run: 'x', lengths: [1, 3] }, compute)).call).to.equal(3);
    expect((await cache().get('a', { run: 'x', lengths: [1, 3] }, compute)).call).to.equal(2);
  });

  for (const [what, text] of [
    ['damaged', '{"key":'],
    ['something else', '[1]'],
    ['empty', 'null'],
  ] as const)
    it(`are computed again where the file is ${what}`, async () => {
      const { compute } = counted();
      await cache().get('a', 1, compute);
      const path = join(folder.path, 'figures', 'a.json');
      expect(existsSync(path)).to.equal(true);
      writeFileSync(path, text);
      expect((await cache().get('a', 1, compute)).call).to.equal(2);
      expect(JSON.parse(readFileSync(path, 'utf8')).value.call).to.equal(2);
    });

  it('are not kept where computing fails, and tell where they cannot be written', async () => {
    const broken = cache().get('a', 1, async () => {
      throw new Error('no data');
    });
    expect(await broken.catch(({ message }) => message)).to.equal('no data');
    expect(existsSync(join(folder.path, 'figures', 'a.json'))).to.equal(false);
    mkdirSync(join(folder.path, 'figures', 'a.json'), { recursive: true });
    expect((await failureOf(() => cache().get('a', 1, async () => 2))).code).to.equal('RNNX_RUN_UNWRITABLE');
  });

  it('are told apart by the content of files', async () => {
    const path = join(folder.path, 'x');
    writeFileSync(path, 'abc');
    expect(await hashFile(path)).to.match(/^ba7816bf.*15ad$/);
  });
});
