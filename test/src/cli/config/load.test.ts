import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { findConfig, loadConfig } from '../../../../cli/dist/config/load.js';
import { failureOf, temporaryFolder } from '../helpers.js';

describe('configuration files', () => {
  const folder = temporaryFolder();
  const write = (name: string, text: string) => writeFileSync(join(folder.path, name), text);

  const forms: readonly (readonly [string, string])[] = [
    ['rnnx.config.json', '{ "dataset": "grammar", "seeds": [7] }'],
    ['rnnx.config.yaml', 'dataset: grammar\nseeds: [7]\n'],
    ['rnnx.config.mjs', "export default { dataset: 'grammar', seeds: [7] };"],
    ['rnnx.config.js', "module.exports = { dataset: 'grammar', seeds: [7] };"],
    [
      'rnnx.config.ts',
      "import { defineExperiment } from 'rnnx';\nconst seed: number = 7;\nexport default defineExperiment({ dataset: 'grammar', seeds: [seed] });",
    ],
    ['package.json', '{ "name": "x", "rnnx": { "dataset": "grammar", "seeds": [7] } }'],
  ];
  for (const [name, text] of forms)
    it(`are found as ${name}`, async () => {
      write(name, text);
      const found = await findConfig(folder.path);
      expect(found).to.deep.equal({
        path: join(folder.path, name),
        folder: folder.path,
        config: { dataset: 'grammar', seeds: [7] },
      });
    });

  it('may begin with a byte order mark', async () => {
    write('marked.json', '\uFEFF{ "dataset": "grammar" }');
    write('marked.yaml', '\uFEFFdataset: grammar\r\n');
    for (const name of ['marked.json', 'marked.yaml'])
      expect((await loadConfig(name, folder.path)).config).to.deep.equal({ dataset: 'grammar' });
    write('broken.json', '\uFEFF{ x }');
    expect((await failureOf(() => loadConfig('broken.json', folder.path))).message).to.include('broken.json:1:3');
  });

  it('are found from a folder below, up to the package root', async () => {
    write('package.json', '{ "name": "x" }');
    write('rnnx.config.json', '{ "dataset": "grammar" }');
    mkdirSync(join(folder.path, 'a', 'b'), { recursive: true });
    expect((await findConfig(join(folder.path, 'a', 'b')))?.folder).to.equal(folder.path);
  });

  it('need not exist', async () => {
    write('package.json', '{ "name": "x" }');
    expect(await findConfig(folder.path)).to.equal(undefined);
  });

  it('are loaded by name, relative to where rnnx was started', async () => {
    mkdirSync(join(folder.path, 'sub'));
    write('sub/mine.yaml', 'dataset: grammar\n');
    expect((await loadConfig('sub/mine.yaml', folder.path)).folder).to.equal(join(folder.path, 'sub'));
  });

  const bad: readonly (readonly [string, string, RegExp, RegExp])[] = [
    ['a.json', '{\n  "dataset": "grammar",\n  "seeds": [1,]\n}', /a\.json:3:15$/, /Unexpected token/],
    ['b.json', '{ "dataset": ', /b\.json:1:14$/, /JSON/],
    ['c.yaml', 'dataset: grammar\nseeds: [1, 2\n', /c\.yaml:\d+:\d+$/, /./],
    ['d.ts', 'export default {\n  dataset: ,\n};', /d\.ts:2:\d+$/, /Unexpected/],
    ['e.mjs', 'export default\n  undefinedThing;', /e\.mjs/, /undefinedThing is not defined/],
    ['f.json', '[1]', /f\.json holds no configuration/, /an array/],
    ['g.yaml', '', /g\.yaml holds no configuration/, /nothing/],
    ['empty.json', ' \n', /empty\.json holds no configuration/, /nothing/],
    ['i.toml', 'dataset = "grammar"', /i\.toml/, /a file \.toml/],
    ['noextension', '{ "dataset": "grammar" }', /noextension/, /without an extension/],
    ['h.mjs', 'export default () => ({});', /h\.mjs holds no configuration/, /function/],
  ];
  for (const [name, text, summary, got] of bad)
    it(`that are malformed are refused with the place: ${name}`, async () => {
      write(name, text);
      const error = await failureOf(() => loadConfig(name, folder.path));
      expect(error.code).to.equal('RNNX_CONFIG_UNREADABLE');
      expect(error.message.split('\n')[0]).to.match(summary);
      expect(error.details.got).to.match(got);
    });

  it('that are missing, or folders, are refused', async () => {
    mkdirSync(join(folder.path, 'sub.json'));
    for (const [name, got] of [
      ['none.json', 'no such file'],
      ['sub.json', 'a folder'],
    ] as const) {
      const error = await failureOf(() => loadConfig(name, folder.path));
      expect(error.code).to.equal('RNNX_CONFIG_UNREADABLE');
      expect(error.details.got).to.equal(got);
    }
  });

  it('found but malformed are refused too, not passed over', async () => {
    write('rnnx.config.json', '{');
    expect((await failureOf(() => findConfig(folder.path))).code).to.equal('RNNX_CONFIG_UNREADABLE');
  });
});
