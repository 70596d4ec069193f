import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type AnyPlugin, PluginRegistry, pluginKinds } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { discover } from 'rnnx';
import { failureOf, temporaryFolder } from './helpers.js';

/** Source of a third-party plugin: it imports core and tfjs by name from a folder that has neither. */
const source = (name: string, core = '^0.1.0') => `
import { definePlugin, Regularizer } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
export const token = Regularizer;
export default definePlugin({
  kind: 'regularizer', name: '${name}', summary: 'Halves the output.', core: '${core}', paper: null,
  schema: { type: 'object', additionalProperties: false, properties: { by: { description: 'Factor', type: 'number', default: 0.5 } } },
  create: ({ by }) => ({ perturb: () => [{ site: 'output', layer: 0, kind: 'scale', value: tf.scalar(by) }] }),
});`;

describe('discovery of third-party plugins', () => {
  const folder = temporaryFolder();
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder.path, path)), { recursive: true });
    writeFileSync(join(folder.path, path), text);
  };
  const install = (
    name: string,
    plugin: string,
    manifest: object = { exports: { '.': { import: './lib/main.js' } } },
  ) => {
    write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.2.3', type: 'module', ...manifest }));
    write(`node_modules/${name}/lib/main.js`, source(plugin));
  };
  const load = (...specs: string[]) => discover(specs, folder.path);

  it('finds what comes with rnnx', async () => {
    const { registry, origins } = await load();
    expect(registry.get('regularizer', 'noisin').name).to.equal('noisin');
    expect(origins.get('cell/lstm')).to.deep.equal({ from: '@rnnx/cells', version: '0.1.0' });
  });

  it('comes with JSON schemas alone, which it does not look at when it starts', async () => {
    const { registry } = await load();
    const all = pluginKinds.flatMap((kind) => registry.list(kind) as AnyPlugin[]);
    expect(all).to.have.length.above(40);
    for (const plugin of all) expect(() => new PluginRegistry([plugin]), plugin.name).not.to.throw();
  });

  it('looks at the schemas of all others', async () => {
    write('odd.js', source('odd').replace("type: 'number'", "typ: 'number'"));
    expect((await failureOf(() => load('./odd.js'))).code).to.equal('RNNX_PLUGIN_INVALID');
  });

  const paths: readonly (readonly [string, string, string])[] = [
    ['a JavaScript file', 'half.js', './half.js'],
    ['a TypeScript file', 'half.ts', './half.ts'],
    ['a file without its extension', 'plugins/half.ts', './plugins/half'],
    ['a folder with an index', 'half/index.ts', './half'],
  ];
  for (const [what, file, spec] of paths)
    it(`by path: ${what}`, async () => {
      write(
        file,
        file.endsWith('.ts') ? source('half').replace('({ by })', '({ by }: { by: number })') : source('half'),
      );
      const { registry, origins } = await load(spec);
      const regularizer = registry.create('regularizer', { name: 'half', by: 0.25 });
      const [perturbation] = regularizer.perturb({} as never);
      if (perturbation?.kind !== 'scale') throw new Error('expected a scale');
      expect(perturbation.value, 'made by our copy of tfjs').to.be.instanceOf(tf.Tensor);
      expect(await perturbation.value.data()).to.deep.equal(Float32Array.of(0.25));
      perturbation.value.dispose();
      expect(origins.get('regularizer/half')).to.deep.equal({ from: spec, version: null });
    });

  it('by path: a folder with a package.json', async () => {
    write('half/package.json', JSON.stringify({ version: '3.0.0', type: 'module', exports: './src/entry.js' }));
    write('half/src/entry.js', source('half'));
    expect((await load('./half')).origins.get('regularizer/half')!.version).to.equal('3.0.0');
  });

  const packages: readonly (readonly [string, string, string])[] = [
    ['its name', 'rnnx-plugin-half', 'rnnx-plugin-half'],
    ['its short name', 'rnnx-plugin-half', 'half'],
    ['its scoped name', '@someone/rnnx-plugin-half', '@someone/rnnx-plugin-half'],
    ['the short name of a scoped one', '@someone/rnnx-plugin-half', 'half'],
    ['any other name', 'halves', 'halves'],
  ];
  for (const [what, name, spec] of packages)
    it(`as a package by ${what}`, async () => {
      install(name, 'half');
      const { registry, origins } = await load(spec);
      expect(registry.get('regularizer', 'half').summary).to.equal('Halves the output.');
      expect(origins.get('regularizer/half')).to.deep.equal({ from: spec, version: '1.2.3' });
    });

  it('takes an array of plugins, and each specification once', async () => {
    write('two.js', `${source('half').replace('export default', 'const half =')}\nexport default [half];`);
    expect((await load('./two.js', './two.js')).registry.get('regularizer', 'half').name).to.equal('half');
  });

  it('resolves from the folder of the configuration, upwards', async () => {
    install('rnnx-plugin-half', 'half');
    mkdirSync(join(folder.path, 'deep', 'er'), { recursive: true });
    const { registry } = await discover(['half'], join(folder.path, 'deep', 'er'));
    expect(registry.get('regularizer', 'half').name).to.equal('half');
  });

  it('refuses a second plugin of the same name', async () => {
    write('mine.js', source('noisin'));
    const error = await failureOf(() => load('./mine.js'));
    expect(error.code).to.equal('RNNX_PLUGIN_DUPLICATE');
    expect(error.details.got).to.include('./mine.js');
  });

  it('refuses a plugin made for another core', async () => {
    write('mine.js', source('half', '^9.0.0'));
    expect((await failureOf(() => load('./mine.js'))).code).to.equal('RNNX_PLUGIN_INCOMPATIBLE');
  });

  it('refuses what is not a valid plugin, saying where it came from', async () => {
    write('mine.js', "export default { kind: 'regularizer', name: 'Bad Name' };");
    const error = await failureOf(() => load('./mine.js'));
    expect(error.code).to.equal('RNNX_PLUGIN_INVALID');
    expect(error.message).to.include('./mine.js');
  });

  const unreadable: readonly (readonly [string, () => void, string, RegExp])[] = [
    ['a package that is not installed', () => install('rnnx-plugin-half', 'half'), 'halve', /Did you mean "half"\?/],
    ['a file that does not exist', () => write('half.js', source('half')), './hal.js', /Did you mean "half\.js"\?/],
    ['a folder without an entry', () => write('half/readme.txt', ''), './half', /name the file itself/],
    ['a module that fails', () => write('half.js', "throw new Error('broken inside');"), './half.js', /broken inside/],
    ['a module that does not parse', () => write('half.ts', 'export default {{'), './half.ts', /./],
    [
      'a module without a default export',
      () => write('half.js', 'export const x = 1;'),
      './half.js',
      /exports no plugin/,
    ],
    ['an export that is no plugin', () => write('half.js', "export default 'half';"), './half.js', /exports no plugin/],
    ['an empty array', () => write('half.js', 'export default [];'), './half.js', /exports no plugin/],
  ];
  for (const [what, prepare, spec, text] of unreadable)
    it(`refuses ${what}`, async () => {
      prepare();
      const error = await failureOf(() => load(spec));
      expect(error.code).to.equal('RNNX_PLUGIN_UNREADABLE');
      expect(error.message).to.match(text).and.to.include(spec.replace('./', ''));
    });
});
