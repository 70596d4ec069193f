import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { expect } from 'chai';
import { execute } from '../support/outside.js';
import { pluginFolders, root } from './repository.js';

interface PackageJson {
  readonly name: string;
  readonly private?: boolean;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

interface Packed {
  readonly name: string;
  readonly files: readonly { readonly path: string }[];
}

const folders = ['core', 'presets', 'cli', 'test', ...pluginFolders()];

const licence = readFileSync(join(root, 'LICENSE'), 'utf8');

describe('packages as npm packs them', () => {
  const packed = new Map<string, readonly string[]>();
  before(async function () {
    this.timeout(120_000);
    const { code, output } = await execute('npm', ['pack', '--workspaces', '--dry-run', '--json', '--silent'], root);
    expect(code, output).to.equal(0);
    // A list, or an object by name, as the version of npm will have it.
    const start = output.search(/^[[{]$/m);
    const listed = Object.values(JSON.parse(output.slice(start)) as Readonly<Record<string, Packed>>);
    for (const { name, files } of listed)
      packed.set(
        name,
        files.map(({ path }) => path),
      );
  });

  for (const folder of folders) {
    const json = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as PackageJson;

    it(`${json.name} has every file that it exports, and needs nothing but what it declares`, () => {
      expect(json.private, 'private').to.equal(undefined);
      const files = packed.get(json.name) ?? [];
      const targets = Object.values(json.exports).flatMap((target) =>
        typeof target === 'string' ? [target] : Object.values(target),
      );
      for (const target of [...targets, ...Object.values(json.bin ?? {})])
        expect(files).to.include(target.replace(/^\.\//, ''));
      expect(files.filter((file) => /\.(test\.js|tsbuildinfo)$/.test(file))).to.deep.equal([]);
      // npm packs no licence from the folder above, nor a link to one.
      expect(files).to.include('LICENSE');
      expect(readFileSync(join(root, folder, 'LICENSE'), 'utf8')).to.equal(licence);

      const declared = { ...json.dependencies, ...json.peerDependencies };
      const missing = files
        .filter((file) => /^(dist|bin)\/.*\.js$/.test(file))
        .flatMap((file) => importsOf(readFileSync(join(root, folder, file), 'utf8')).map((name) => ({ file, name })))
        .filter(({ name }) => !isBuiltin(name) && !(name in declared));
      expect(missing).to.deep.equal([]);
    });
  }

  it('would be seen to import what they do not declare', () => {
    const code = [
      "import a from 'one';",
      'import { b,',
      "  c } from '@two/three/deep.js';",
      "import 'four';",
      "export * from 'five';",
      "const from = 'six';",
      "import { d } from './seven.js';",
      "import fs from 'node:fs';",
    ].join('\n');
    expect(importsOf(code)).to.deep.equal(['one', '@two/three', 'four', 'five', 'node:fs']);
  });

  it('run nothing when a plugin author installs them', () => {
    for (const folder of ['core', 'plugins/backends', 'test']) {
      const { scripts = {} } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as PackageJson;
      expect(scripts, folder).not.to.have.any.keys('preinstall', 'install', 'postinstall', 'prepare');
    }
  });

  it('keep the tests of rnnx out of the contract kit, and the templates in the command line', () => {
    expect(
      packed.get('@rnnx/contract-kit')!.filter((file) => !/^((dist|src)\/kit\/|LICENSE$|package\.json$)/.test(file)),
    ).to.deep.equal([]);
    expect(packed.get('rnnx')).to.include.members([
      'templates/common/package.json',
      'templates/common/gitignore',
      'templates/dataset/package.json',
      'templates/noise/src/my-technique.ts',
      'templates/cell/test/my-technique.test.ts',
      'templates/regularizer/README.md',
    ]);
  });
});

/** Packages that a module imports, without the path inside them. */
function importsOf(code: string): string[] {
  const specifiers = [...code.matchAll(/^(?:import|export)\s+(?:[\w$*{},\s]+\sfrom\s+)?['"]([^'"]+)['"];?$/gm)].map(
    ([, name]) => name!,
  );
  return specifiers
    .filter((name) => !name.startsWith('.'))
    .map((name) => (name.startsWith('node:') ? name : name.split('/', name.startsWith('@') ? 2 : 1).join('/')));
}
